"""Fitting many heads: ablation, baselines, ensembles, cross-validation, fidelity."""
