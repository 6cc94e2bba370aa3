"""The decoders: an open sound file is asked for its header and its blocks, whatever library reads it."""
