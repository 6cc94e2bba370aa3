"""A Whisper described without being loaded: nothing heavy is imported, and the recipe is the loaded one's."""

from __future__ import annotations

import pytest

from extract.encoders.base import EncoderOptions
from extract.encoders.lookup import find_encoder
from extract.errors import EncoderError


@pytest.mark.parametrize("layout", ["whisper_folder", "ctranslate2_folder"])
def test_the_recipe_is_that_of_the_loaded_encoder(request, layout) -> None:
    unloaded = find_encoder(EncoderOptions(str(request.getfixturevalue(layout)), device="cpu"))
    loaded = unloaded.load()
    assert (loaded.recipe, loaded.fields) == (unloaded.recipe, unloaded.fields)
    assert loaded.chunking == unloaded.chunking == unloaded.recipe["windows"]
    assert "MIT" in unloaded.licence


def test_layers_that_are_not_there_are_one_line(whisper_folder) -> None:
    with pytest.raises(EncoderError, match="--layers 4: expected 'last' or numbers from 1 to 3"):
        find_encoder(EncoderOptions(str(whisper_folder), layers="4"))


@pytest.mark.parametrize("padding", [-1.0, 31.0, float("nan")])
def test_a_padding_that_cannot_be_is_one_line(padding) -> None:
    with pytest.raises(EncoderError, match=r"--padding: found .*, expected 0 to 30 seconds"):
        EncoderOptions("x", padding=padding)


@pytest.mark.parametrize("model", ["logmel", "tiny"])
def test_padding_is_for_whisper(model, tiny_encoder) -> None:
    with pytest.raises(EncoderError, match="--padding is for Whisper"):
        find_encoder(EncoderOptions(str(tiny_encoder) if model == "tiny" else model, padding=1.0))
