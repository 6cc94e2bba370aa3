"""Unpacking: a bundle is used as it is, wherever a run folder is taken."""
