"""Fitting one head: losses, optimiser, checkpoints, the training loop, reproduction."""
