"""Wav2Small described without torch, and what it refuses."""

from __future__ import annotations

import pytest

from extract.encoders.base import EncoderOptions
from extract.encoders.lookup import find_encoder
from extract.errors import EncoderError


def test_fields_and_recipe_are_those_of_the_loaded_one(wav2small, load) -> None:
    unloaded, loaded = find_encoder(EncoderOptions(str(wav2small), device="cpu")), load(wav2small)
    assert [(field.name, field.width) for field in unloaded.fields] == [("wav2small", 169), ("vad", 3)]
    assert (loaded.recipe, loaded.fields) == (unloaded.recipe, unloaded.fields)
    assert "CC BY-NC-SA" in unloaded.licence


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"half_mel": 80}, "half_mel .* '80', expected 13"),
        ({"id2label": {"0": "anger"}}, "expected exactly arousal, dominance, valence"),
    ],
)
def test_other_settings_are_refused(wav2small, edited, load, config, message) -> None:
    with pytest.raises(EncoderError, match=message):
        load(edited(wav2small, **config))


def test_there_are_no_layers_to_choose(wav2small, load) -> None:
    with pytest.raises(EncoderError, match="--layers 2"):
        load(wav2small, layers="2")
