"""The rules for channels and times: what the recipe says of them, and which a cache was begun with."""

from __future__ import annotations

from extract.audio.rules import CURRENT, FIRST, recipe_of, rules_of


def test_a_recipe_that_says_nothing_is_of_the_first_version() -> None:
    assert recipe_of(FIRST) == {}
    assert rules_of({"model": "x"}) == rules_of({"channels": "mean"}) == FIRST
    assert rules_of({"model": "x", **recipe_of(CURRENT)}) == CURRENT


def test_the_recipe_says_how_channels_are_mixed() -> None:
    assert recipe_of(CURRENT)["channels"] == (
        "mean of those within 30 dB of the loudest; the loudest where the mean is 12 dB below it"
    )
    assert recipe_of(CURRENT)["timeline"].startswith("the container's")
