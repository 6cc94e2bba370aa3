"""Pickles and torch files, followed without running anything of them."""
