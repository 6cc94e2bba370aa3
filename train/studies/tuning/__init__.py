"""Choosing fields of a config on the inner part of the training clips: learning rates, or a small search."""
