"""The run folder: what a fit leaves behind, and its use for prediction and evaluation."""
