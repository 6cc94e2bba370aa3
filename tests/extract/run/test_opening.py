"""A cache is begun with the recipe of its encoder, and continued in the precision and back end it has."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import soundfile

from cache import CacheReader
from cache.common.errors import RecipeMismatchError
from cache.format.catalog import read_description, read_records
from extract.audio.rules import CURRENT, FIRST
from extract.encoders.base import EncoderOptions
from extract.encoders.lookup import find_encoder
from extract.options import ExtractOptions
from extract.run.extract import extract
from extract.run.opening import kept_store, open_writer, with_cached_precision, with_cached_rules
from extract.run.summary import as_text

LOGMEL = ExtractOptions(EncoderOptions("logmel"))


def test_a_new_cache_has_the_recipe_and_the_back_end_asked_for(tmp_path) -> None:
    model = find_encoder(LOGMEL.encoder)
    writer = open_writer(tmp_path / "c", replace(LOGMEL, store="zarr", shard_mb=3.0), model)
    description = read_description(tmp_path / "c")
    assert description.recipe == LOGMEL.recipe(model)
    assert (description.store, description.shard_mb, description.licence) == ("zarr", 3.0, model.licence)
    assert [field.name for field in writer.fields] == ["logmel"]
    assert kept_store(writer, replace(LOGMEL, store="zarr")) == ()
    (note,) = kept_store(writer, replace(LOGMEL, store="hdf5"))
    assert note.startswith("the cache stays zarr, not hdf5; emi-cache convert")


def test_auto_is_the_precision_of_the_cache_that_is_there(tmp_path) -> None:
    assert with_cached_precision(LOGMEL, tmp_path / "c").encoder.precision == "auto"
    open_writer(tmp_path / "c", LOGMEL, find_encoder(LOGMEL.encoder))
    assert with_cached_precision(LOGMEL, tmp_path / "c").encoder.precision == "float32"
    chosen = replace(LOGMEL, encoder=EncoderOptions("x", precision="float16"))
    assert with_cached_precision(chosen, tmp_path / "c") is chosen


@pytest.fixture
def inverted(tmp_path):
    """Two folders of one clip each: the same sound, its right channel inverted."""
    tone = (0.2 * np.sin(2 * np.pi * 220 * np.arange(16_000) / 16_000)).astype(np.float32)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        soundfile.write(tmp_path / name / f"{name}.wav", np.stack([tone, -tone], axis=1), 16_000)
    return tmp_path


def levels(cache) -> list[float]:
    return CacheReader(cache).clip_table("clips/rms_db").tolist()


def test_a_new_cache_says_how_channels_are_mixed_and_lists_those_that_cancel(inverted) -> None:
    summary = extract([inverted / "a", inverted / "b"], inverted / "c", LOGMEL)
    recipe = read_description(inverted / "c").recipe
    assert "within 30 dB of the loudest" in recipe["channels"]
    assert "its default track, starts and gaps count" in recipe["timeline"]
    assert levels(inverted / "c") == pytest.approx([-17.0, -17.0], abs=0.1)
    [record] = read_records(inverted / "c")
    assert {clip_id: notes["channels"] for clip_id, notes in record.content.notes.items()} == {
        "a": "0 of 2", "b": "0 of 2",
    }  # fmt: skip
    assert summary.clip_notes == record.content.notes
    assert "2 clips whose channels cancel in their mean: the loudest channel was taken: a, b" in as_text(
        summary
    )


@pytest.mark.parametrize("update", [False, True])
def test_a_cache_of_the_first_version_goes_on_by_its_own_rules(inverted, update) -> None:
    """It is neither refused nor mixed with values of another meaning, and the summary says so."""
    first = replace(LOGMEL, rules=FIRST)
    extract(inverted / "a", inverted / "c", first)
    recipe = read_description(inverted / "c").recipe
    assert not recipe.keys() & {"channels", "timeline"}
    assert with_cached_rules(LOGMEL, inverted / "c") == first
    summary = extract([inverted / "a", inverted / "b"], inverted / "c", replace(LOGMEL, update=update))
    assert (summary.extracted, summary.touched, summary.updated) == (1, 0, 0)
    assert read_description(inverted / "c").recipe == recipe
    assert max(levels(inverted / "c")) < -90, "the mean of all channels, as before"
    assert "keeps the rules it was begun with" in as_text(summary)
    assert summary.clip_notes == {}


def test_caches_of_two_versions_do_not_share_a_folder(inverted) -> None:
    extract(inverted / "a", inverted / "c", LOGMEL)
    assert with_cached_rules(replace(LOGMEL, rules=FIRST), inverted / "c").rules == CURRENT
    with pytest.raises(RecipeMismatchError, match=r"channels: mean of .* -> \(absent\)"):
        open_writer(inverted / "c", replace(LOGMEL, rules=FIRST), find_encoder(LOGMEL.encoder))
