"""What a recipe knows of a cache."""

from __future__ import annotations

import pytest

from train.errors import ConfigError
from train.recipes.recipe import Recipe, known_of


def test_it_knows_field_width_vad_and_kind(corpus, small_cache) -> None:
    known = known_of(corpus.cache, 50)
    assert (known.field, known.width, known.vad) == ("hidden_states/2", 8, True)
    assert (known.compact, known.clips, known.is_hidden_states) == (False, 50, True)
    assert known_of(corpus.cache, 50, layer=1).field == "hidden_states/1"
    assert known_of(small_cache, 50).compact
    with pytest.raises(ConfigError, match="layer 7 is not in this cache"):
        known_of(corpus.cache, 50, layer=7)


def test_its_line_names_it_and_says_why() -> None:
    assert Recipe("auto", {}, "since").line() == "recipe auto: since"
