"""Losses: what a step of the fit makes smaller; mse, ccc, pearson and their sums."""
