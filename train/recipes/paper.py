"""A recipe: the published method, whatever the features (arXiv 2403.11879)."""

from __future__ import annotations

from train.recipes.recipe import Known, Recipe
from train.recipes.registry import PAPER


def paper(_known: Known) -> Recipe:
    """Return the method: the defaults of a config are its values, the published warm-up included."""
    return Recipe(PAPER, {}, "the published method (arXiv 2403.11879): LSTM, global mean, VAD, Tanh head, mse")
