"""Tracking: what a fit comes to is told to the tools with which people watch and compare experiments."""
