"""Differences of recipes are said so that people can read them: one key a line, nested keys with dots."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest

from cache.common.errors import RecipeMismatchError
from cache.format.recipe import Recipe, as_block, recipe_lines

SOURCE = {"model": "one", "weights_sha256": "a" * 64, "stored_dtype": {"vad": "float32", "logmel": "float16"}}
COMPACT = {"derived": "compact", "pool": 5, "source_recipe_id": "1", "source_recipe": SOURCE}


def test_a_nested_recipe_is_compared_key_by_key() -> None:
    theirs = {**SOURCE, "model": "two", "stored_dtype": {"vad": "float16", "logmel": "float16"}}
    other = {**COMPACT, "pool": 2, "source_recipe_id": "2", "source_recipe": theirs}
    assert Recipe(COMPACT).differences(other) == [
        "pool: 5 -> 2",
        "source_recipe.model: one -> two",
        "source_recipe.stored_dtype.vad: float32 -> float16",
    ]


def test_a_full_cache_beside_a_compact_one_is_not_told_the_whole_source_recipe() -> None:
    lines = Recipe(COMPACT).differences(SOURCE)
    assert "derived: compact -> (absent)" in lines
    assert not any("source_recipe:" in line or "source_recipe." in line for line in lines)


def test_long_values_are_shortened_but_never_to_the_same_text() -> None:
    [line] = Recipe({"weights_sha256": "a" * 64}).differences({"weights_sha256": "b" * 64})
    assert len(line) < 100
    assert "…" in line
    [line] = Recipe({"x": "a" * 30 + "b" + "c" * 30}).differences({"x": "a" * 30 + "d" + "c" * 30})
    before, after = line.removeprefix("x: ").split(" -> ")
    assert before != after


def test_a_refusal_gives_every_difference_a_line() -> None:
    with pytest.raises(RecipeMismatchError) as error:
        Recipe({"layers": [2], "max_seconds": 3}).require_same_values(
            {"layers": [1], "max_seconds": 12}, "CACHE"
        )
    lines = str(error.value).splitlines()
    assert lines[1:3] == ["  layers: 2 -> 1", "  max_seconds: 3 -> 12"]
    assert "emi-cache info" in lines[-1]
    assert as_block(["a", "b"]) == "\n  a\n  b\n"


def test_a_recipe_is_shown_nested() -> None:
    assert recipe_lines({"pool": 5, "layers": [6, 12], "source": {"vad": [], "of": {"x": "y"}}}) == [
        "pool: 5",
        "layers: 6, 12",
        "source:",
        "  vad: none",
        "  of:",
        "    x: y",
    ]


def test_a_recipe_is_read_like_a_dictionary_and_never_changes() -> None:
    recipe = Recipe(SOURCE)
    assert recipe == SOURCE
    assert recipe["model"] == "one"
    assert json.dumps(recipe) == json.dumps(SOURCE)
    for change in (
        lambda: recipe.update(model="two"),
        lambda: recipe.__setitem__("model", "two"),
        lambda: recipe.pop("model"),
        lambda: recipe.__ior__({"model": "two"}),
        recipe.clear,
    ):
        with pytest.raises(TypeError, match="does not change"):
            change()
    changed = recipe | {"model": "two"}
    assert (type(changed), changed["model"], recipe["model"]) == (dict, "two", "one")


def test_equal_recipes_are_one_key_however_they_are_ordered() -> None:
    recipe, other = Recipe(SOURCE), Recipe(reversed(SOURCE.items()))
    assert recipe.recipe_id == other.recipe_id
    assert {recipe: 1}[other] == 1
    for copied in (copy.copy(recipe), copy.deepcopy(recipe)):
        assert isinstance(copied, Recipe)
        assert copied == recipe


def test_the_id_of_a_recipe_is_that_of_old_caches() -> None:
    for name in ("hdf5", "zarr", "compact"):
        document = json.loads((Path(__file__).parents[1] / "golden" / name / "cache.json").read_text())
        assert Recipe(document["recipe"]).recipe_id == document["recipe_id"]


def test_what_a_recipe_says_of_itself() -> None:
    compact = Recipe(COMPACT | {"projection_sha256": "c", "stored_dtype": {"hidden_states/12": "int8"}})
    source = Recipe(SOURCE | {"precision": "float16", "stored_dtype": {"hidden_states/6": "f", "vad": "f"}})
    assert (compact.is_compact, compact.layers, compact.projection_sha256) == (True, (12,), "c")
    assert (source.is_compact, source.layers, source.projection_sha256) == (False, (6,), None)
    assert (source.precision, compact.precision) == ("float16", None)
    assert (source.source, source.encoder) == (None, source)
    assert compact.source == compact.encoder == SOURCE


def test_a_compact_cache_is_made_from_caches_of_its_sources_values() -> None:
    named = SOURCE | {"config_sha256": "b" * 64}
    compact = Recipe(COMPACT | {"source_recipe": named})
    assert compact.is_made_from(named | {"model": "another name"})
    assert not compact.is_made_from(named | {"weights_sha256": "c" * 64})
    assert not Recipe(named).is_made_from(named)
    assert Recipe(named).same_values(named | {"revision": "2"})
