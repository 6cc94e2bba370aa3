"""Audit: what would make a score too good, looked for before anything is trained."""
