"""Streams: several caches of the same clips that feed one head, joined by clip id."""
