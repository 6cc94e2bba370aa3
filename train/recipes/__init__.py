"""Recipes: what a config takes where the user says nothing, for the cache at hand."""
