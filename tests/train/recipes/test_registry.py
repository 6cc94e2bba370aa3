"""Recipes are registered, and each is a function of what is known of a cache."""

from __future__ import annotations

import pytest

from train import FitConfig
from train.errors import ConfigError
from train.recipes.recipe import Known
from train.recipes.registry import RECIPES


def test_every_recipe_makes_a_config() -> None:
    for name in RECIPES:
        for known in (
            Known("hidden_states/12", 1024, True, False, 9000),
            Known("logmel", 80, False, False, 50),
        ):
            recipe = RECIPES.get(name)(known)
            assert recipe.name == name and recipe.why and "\n" not in recipe.line()
            FitConfig.from_dict(recipe.fields)


def test_another_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="expected auto or paper"):
        RECIPES.get("papers")
