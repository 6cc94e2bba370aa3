"""From a recipe and what a user chose to the fields of a config."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from train.config import MEAN, WEIGHTED, FitConfig
from train.recipes.recipe import Recipe, known_of
from train.recipes.registry import AUTO, RECIPES
from train.streams.settings import STREAMS, overlaid
from train.streams.stream_set import Caches

OF_INNER = ("patience", "refit", "inner_share")  # fields that ask for clips that choose the epoch
OF_TEMPORAL = ("temporal", "hidden", "lstm_layers")  # fields that say nothing with the temporal model off


def chosen_recipe(name: str, cache: Caches, clips: int, layer: int | str | None = None) -> Recipe:
    """Return what a recipe chooses for a cache.

    Args:
        name: of a registered recipe.
        cache: folder of the cache, or its reader; of several streams those by name.
        clips: that are trained on.
        layer: encoder layer; None takes the last one cached.

    Raises:
        ConfigError: if there is no such recipe, or the cache has no such layer.
    """
    return RECIPES.get(name)(known_of(cache, clips, layer))


def with_recipe(recipe: Recipe, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a recipe with those that a user chose in their place.

    What the user chose stands; what the recipe has gives way where the two do not go together.
    """
    fields = overlaid(recipe.fields, given)
    if any(name in given for name in OF_TEMPORAL) or given.get("global_mean") is False:
        fields["lstm"] = given.get("lstm", True)
    if given.get("layer") == WEIGHTED and "clip_vector" not in given:
        fields["clip_vector"] = MEAN  # statistics are taken of one layer
    if isinstance(fields.get(STREAMS), Mapping):
        chosen = "clip_vector" in given
        fields[STREAMS] = {
            name: _of_stream(own, chosen, fields.get("lstm", True)) for name, own in fields[STREAMS].items()
        }
    if "select" not in given and any(given.get(name) for name in OF_INNER):
        fields["select"] = "inner"
    if "refit" not in given and (fields.get("select", "inner") != "inner" or fields.get("train_on_all")):
        fields["refit"] = False
    return fields


def _of_stream(own: Any, vector_chosen: bool, is_on: bool) -> Any:
    """Return what a user chose for a stream, with the temporal model on if it is about that and it is off for all.

    A stream whose layers are weighed has the mean as its clip vector, unless the user chose one for it or for all.
    """
    if not isinstance(own, Mapping):
        return own
    if own.get("layer") == WEIGHTED and not vector_chosen:
        own = {"clip_vector": MEAN, **own}
    asked = any(name in own for name in OF_TEMPORAL) or own.get("global_mean") is False
    return {**own, "lstm": own.get("lstm", True)} if asked and not is_on else own


def recipe_config(cache: Caches, clips: int, recipe: str = AUTO, **given: Any) -> FitConfig:
    """Return the config that ``emi-train fit`` takes for a cache: that of a recipe, changed by ``given``.

    Args:
        cache: folder of the cache, or its reader; of several streams those by name.
        clips: that are trained on.
        recipe: "auto" or "paper".
        given: fields of the config.

    Raises:
        ConfigError: if there is no such recipe or field, or a value is not valid.
    """
    return FitConfig.from_dict(
        with_recipe(chosen_recipe(recipe, cache, clips, given.get("layer")), given), where="options"
    )
