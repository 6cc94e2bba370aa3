"""Differences of recipes are said so that people can read them: one key a line, nested keys with dots."""

from __future__ import annotations

import pytest

from cache.common.errors import RecipeMismatchError
from cache.format.recipe import as_block, recipe_diff, recipe_lines, require_same_values

SOURCE = {"model": "one", "weights_sha256": "a" * 64, "stored_dtype": {"vad": "float32", "logmel": "float16"}}
COMPACT = {"derived": "compact", "pool": 5, "source_recipe_id": "1", "source_recipe": SOURCE}


def test_a_nested_recipe_is_compared_key_by_key() -> None:
    theirs = {**SOURCE, "model": "two", "stored_dtype": {"vad": "float16", "logmel": "float16"}}
    other = {**COMPACT, "pool": 2, "source_recipe_id": "2", "source_recipe": theirs}
    assert recipe_diff(COMPACT, other) == [
        "pool: 5 -> 2",
        "source_recipe.model: one -> two",
        "source_recipe.stored_dtype.vad: float32 -> float16",
    ]


def test_a_full_cache_beside_a_compact_one_is_not_told_the_whole_source_recipe() -> None:
    lines = recipe_diff(COMPACT, SOURCE)
    assert "derived: compact -> (absent)" in lines
    assert not any("source_recipe:" in line or "source_recipe." in line for line in lines)


def test_long_values_are_shortened_but_never_to_the_same_text() -> None:
    [line] = recipe_diff({"weights_sha256": "a" * 64}, {"weights_sha256": "b" * 64})
    assert len(line) < 100
    assert "…" in line
    [line] = recipe_diff({"x": "a" * 30 + "b" + "c" * 30}, {"x": "a" * 30 + "d" + "c" * 30})
    before, after = line.removeprefix("x: ").split(" -> ")
    assert before != after


def test_a_refusal_gives_every_difference_a_line() -> None:
    with pytest.raises(RecipeMismatchError) as error:
        require_same_values({"layers": [2], "max_seconds": 3}, {"layers": [1], "max_seconds": 12}, "CACHE")
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
