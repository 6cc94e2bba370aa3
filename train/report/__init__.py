"""Results in words, tables and pictures."""
