"""The recipes that a config can start from, by name; each loads when first used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cache.common.registry import Registry
from train.errors import ConfigError

if TYPE_CHECKING:
    from train.recipes.recipe import MakeRecipe

AUTO, PAPER = "auto", "paper"

RECIPES: Registry[MakeRecipe] = Registry("recipe", ConfigError)
RECIPES.add(AUTO, "train.recipes.auto:auto", "the method on its own features, else what measuring found best")
RECIPES.add(PAPER, "train.recipes.paper:paper", "the published method, whatever the features")
