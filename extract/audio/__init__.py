"""A media file becomes 16 kHz samples."""
