"""Options that come from a recipe: what it says is taken, what contradicts it is refused."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from cache import CacheReader, CompactOptions, compact
from cache.common.errors import RecipeMismatchError
from cache.format.catalog import DESCRIPTION, read_description
from extract.audio.rules import FIRST
from extract.encoders.base import EncoderOptions
from extract.errors import EncoderError, ExtractError
from extract.options import ExtractOptions
from extract.run.extract import extract
from extract.run.like import options_like


@pytest.fixture
def clips(tmp_path, voice, write_media):
    for number in range(6):
        write_media(tmp_path / "clips" / f"{number}.wav", voice(0.3 + 0.2 * number, seed=number))
    return tmp_path / "clips"


@pytest.fixture
def cache(clips, tmp_path):
    """A cache with options that are nobody's default."""
    extract(clips, tmp_path / "cache", ExtractOptions(EncoderOptions("logmel"), max_seconds=0.9, rules=FIRST))
    return tmp_path / "cache"


def with_recipe(cache, tmp_path, **changes):
    """A run whose recipe is that of the cache but for some keys."""
    recipe = {**read_description(cache).recipe, **changes}
    header = json.dumps({"__metadata__": {"emi_fusion": json.dumps({"recipe": recipe})}}).encode()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "head.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    return tmp_path / "run"


def same(one, two) -> bool:
    with CacheReader(one) as first, CacheReader(two) as second:
        assert sorted(first.clip_ids) == sorted(second.clip_ids)
        return all(
            np.array_equal(first.read_frames(clip, name), second.read_frames(clip, name))
            for name in first.frame_fields
            for clip in first.clip_ids
        )


def test_clips_become_what_they_are_in_the_cache(clips, cache, tmp_path) -> None:
    options = options_like(cache)
    assert (options.encoder.model, options.max_seconds, options.rules) == ("logmel", 0.9, FIRST)
    extract(clips, tmp_path / "new", options)
    assert read_description(tmp_path / "new").recipe == read_description(cache).recipe
    assert same(cache, tmp_path / "new")


def test_like_a_compact_cache_they_are_compacted_and_it_can_be_continued(clips, cache, tmp_path) -> None:
    compact(cache, tmp_path / "small", CompactOptions(pool=3, project=20))
    options = options_like(tmp_path / "small")
    first = extract(clips, tmp_path / "new", replace(options, limit=1, shard_mb=0.005))
    assert 0 < first.extracted < 6
    again = extract(clips, tmp_path / "new", options)
    assert (again.extracted, again.cached) == (6 - first.extracted, 6)
    assert read_description(tmp_path / "new").recipe == read_description(tmp_path / "small").recipe
    assert same(tmp_path / "small", tmp_path / "new")
    assert extract(clips, tmp_path / "new", options).extracted == 0


@pytest.mark.parametrize(
    ("encoder", "options", "said"),
    [
        ({}, {"max_seconds": 12.0}, "--max-seconds: found 12.0, and .* was made with 0.9"),
        ({"precision": "float16"}, {}, "--precision: found float16, and .* was made with float32"),
        ({"layers": "3"}, {}, "--layers: found 3, and .* was made with last"),
    ],
)
def test_an_option_against_the_recipe_is_one_line(cache, encoder, options, said) -> None:
    with pytest.raises(ExtractError, match=said) as caught:
        options_like(cache, encoder, options)
    assert "\n" not in str(caught.value)
    assert "do without --like" in str(caught.value)


def test_what_agrees_with_the_recipe_is_taken(cache, tmp_path) -> None:
    options = options_like(cache, {"precision": "auto", "device": "cpu"}, {"max_seconds": 0.9, "grace": 3.0})
    assert (options.encoder.precision, options.encoder.device, options.grace) == ("float32", "cpu", 3.0)


def test_a_model_in_a_folder_must_be_named_and_be_that_model(clips, cache, tmp_path) -> None:
    run = with_recipe(cache, tmp_path, model="local", weights_sha256="a" * 64)
    with pytest.raises(EncoderError, match="name it with --model DIR"):
        options_like(run)
    options = options_like(run, {"model": "logmel"})
    with pytest.raises(RecipeMismatchError, match="weights_sha256: aaa") as caught:
        extract(clips, tmp_path / "new", options)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "new" / DESCRIPTION).exists()


def test_a_model_that_cannot_be_had_is_one_line(cache, tmp_path, clips) -> None:
    run = with_recipe(cache, tmp_path, model="nowhere")
    with pytest.raises(EncoderError, match="nowhere: no such folder") as caught:
        extract(clips, tmp_path / "new", options_like(run))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("changes", [{"max_seconds": None}, {"layers": "12"}, {"model": 3}])
def test_a_recipe_of_something_else_is_refused(cache, tmp_path, changes) -> None:
    with pytest.raises(ExtractError, match="expected the recipe of an extraction"):
        options_like(with_recipe(cache, tmp_path, **changes))
