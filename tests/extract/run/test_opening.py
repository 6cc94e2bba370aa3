"""A cache is begun with the recipe of its encoder, and continued in the precision and back end it has."""

from __future__ import annotations

from dataclasses import replace

from cache.format.catalog import read_description
from extract.encoders.base import EncoderOptions
from extract.encoders.lookup import find_encoder
from extract.options import ExtractOptions
from extract.run.opening import kept_store, open_writer, with_cached_precision

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
