"""Rows of several streams: which of them each takes, by which fusion, and what the rows share."""
