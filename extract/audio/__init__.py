"""A media file becomes mono samples at 16 kHz."""
