"""What a user chose stands; a recipe gives way where the two do not go together."""

from __future__ import annotations

import pytest

from train.errors import ConfigError
from train.recipes.choose import chosen_recipe, recipe_config, with_recipe
from train.recipes.recipe import Recipe

LIKE_AUTO = Recipe("auto", {"lstm": False, "refit": True, "temporal": "gru", "epochs": 72}, "")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {"lstm": False, "refit": True}),
        ({"epochs": 3}, {"epochs": 3, "refit": True}),
        ({"select": "last"}, {"refit": False}),
        ({"select": "inner"}, {"refit": True}),
        ({"temporal": "bilstm"}, {"lstm": True, "temporal": "bilstm"}),
        ({"hidden": 9}, {"lstm": True, "temporal": "gru"}),
        ({"hidden": 9, "lstm": False}, {"lstm": False}),
        ({"global_mean": False}, {"lstm": True}),
        ({"patience": 3}, {"select": "inner"}),
        ({"layer": "weighted"}, {"clip_vector": "mean"}),
        ({"layer": "weighted", "clip_vector": "statistics"}, {}),  # refused later, too
        ({"refit": True}, {"select": "inner"}),
        ({"inner_share": 0.3, "select": "last"}, {"select": "last"}),
        ({"train_on_all": True, "select": "last"}, {"refit": False}),
        (
            {"select": "last", "refit": True},
            {"refit": True},
        ),  # a contradiction of the user's own: refused later
    ],
)
def test_fields(given, expected) -> None:
    found = with_recipe(LIKE_AUTO, given)
    assert {name: found[name] for name in expected} == expected
    assert {name: found[name] for name in given} == given


def test_a_config_in_one_call(corpus) -> None:
    config = recipe_config(corpus.cache, 64, epochs=5)
    assert config.clip_vector == "components"
    assert config.epochs == 5
    assert config.select == "last"
    assert recipe_config(corpus.cache, 64, "paper").lstm
    assert chosen_recipe("auto", corpus.cache, 64).fields["epochs"] == 500
    with pytest.raises(ConfigError, match="unknown field"):
        recipe_config(corpus.cache, 64, epoch=5)
    with pytest.raises(ConfigError, match="recipe"):
        recipe_config(corpus.cache, 64, "best")
    for streams in ([{"name": "x"}], 3, "text"):
        with pytest.raises(ConfigError, match="streams: found"):
            recipe_config(corpus.cache, 64, streams=streams)
