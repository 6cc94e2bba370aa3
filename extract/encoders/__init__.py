"""Samples become frames: the families of encoders, and the one that is asked for."""
