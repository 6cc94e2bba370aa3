"""A speech encoder is described by its files; weights that do not fit are refused once it is loaded."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file

from extract.encoders.base import EncoderOptions
from extract.encoders.lookup import find_encoder
from extract.errors import EncoderError


def test_a_missing_weight_is_described_and_refused_when_loaded(tiny_encoder, edited) -> None:
    folder = edited(tiny_encoder, lambda weights: weights.pop("classifier.out_proj.bias"))
    model = find_encoder(EncoderOptions(str(folder), device="cpu"))
    assert model.recipe["vad"] == ["arousal", "dominance", "valence"]
    with pytest.raises(EncoderError, match=r"missing classifier\.out_proj\.bias"):
        model.load()


def test_a_file_of_torch_has_the_recipe_of_safetensors(tiny_encoder, edited) -> None:
    folder = edited(tiny_encoder)
    expected = find_encoder(EncoderOptions(str(folder), device="cpu")).recipe
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    assert find_encoder(EncoderOptions(str(folder), device="cpu")).recipe == expected


def test_auto_is_the_precision_of_the_device(tiny_encoder) -> None:
    model = find_encoder(EncoderOptions(str(tiny_encoder), device="cpu"))
    assert model.devices() == ["cpu"]
    assert model.recipe["precision"] == "float32"
    assert model.load().recipe == model.recipe


def test_a_layer_that_is_not_there_is_refused_before_anything_is_loaded(tiny_encoder) -> None:
    with pytest.raises(EncoderError, match="numbers from 1 to 2"):
        find_encoder(EncoderOptions(str(tiny_encoder), layers="3"))
