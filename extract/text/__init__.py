"""Transcripts to a cache: one frame a token, with the time of its word."""
