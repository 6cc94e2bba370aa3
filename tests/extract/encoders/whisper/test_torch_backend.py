"""Whisper by transformers' modules: equal to its own forward, and every weight finds its place or is named."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from extract.errors import EncoderError


def test_every_layer_equals_transformers_own_forward(load, whisper_folder, sounds, plain_states) -> None:
    encoder = load(whisper_folder, layers="1,2,3", padding=30.0)
    for sound in sounds[:3]:
        frames, expected = encoder.encode([sound])[0].frames, plain_states(sound)
        for layer in (1, 2, 3):
            own = frames[f"hidden_states/{layer}"]
            np.testing.assert_allclose(own, expected[layer][: len(own)], atol=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.pop("model.encoder.layers.1.fc1.bias"), "missing model.encoder.layers.1.fc1.bias"),
        (lambda w: w.update({"model.encoder.extra": torch.zeros(2)}), "unexpected model.encoder.extra"),
        (
            lambda w: w.update({"model.encoder.conv1.bias": torch.zeros(3)}),
            r"conv1.bias is \(3,\), expected \(32,\)",
        ),
        (
            lambda w: w["model.encoder.conv1.bias"].fill_(torch.nan),
            "conv1.bias holds values that are not finite",
        ),
    ],
)
def test_weights_that_do_not_fit_are_named(edited, load, whisper_folder, change, message) -> None:
    with pytest.raises(EncoderError, match=message):
        load(edited(whisper_folder, change))


def test_a_model_without_its_decoder_will_do(edited, load, whisper_folder, sounds) -> None:
    def strip(weights) -> None:
        for name in list(weights):
            tensor = weights.pop(name)
            if name.startswith("model.encoder."):
                weights[name.removeprefix("model.")] = tensor

    whole, stripped = load(whisper_folder), load(edited(whisper_folder, strip))
    one, other = (e.encode(sounds[2:3])[0].frames["hidden_states/3"] for e in (whole, stripped))
    np.testing.assert_array_equal(one, other)


def test_a_config_of_a_far_larger_model_takes_no_memory(edited, load, whisper_folder) -> None:
    with pytest.raises(EncoderError, match=r"describes at least .* weights, there are"):
        load(edited(whisper_folder, d_model=60_000, encoder_layers=1_000))


def test_chances_of_training_do_not_count(edited, load, whisper_folder, sounds) -> None:
    odd = edited(whisper_folder, dropout=2, activation_dropout=-1.0, encoder_layerdrop="x")
    ours, theirs = (load(folder).encode(sounds[2:3])[0].frames for folder in (odd, whisper_folder))
    np.testing.assert_array_equal(ours["hidden_states/3"], theirs["hidden_states/3"])


def test_bfloat16_is_near_float32(load, whisper_folder, sounds, relative) -> None:
    exact, rough = (load(whisper_folder, precision=name) for name in ("float32", "bfloat16"))
    one, other = (e.encode(sounds[2:3])[0].frames["hidden_states/3"] for e in (exact, rough))
    assert 0 < relative(other, one) < 3e-2
    assert rough.recipe["precision"] == "bfloat16"


def test_the_recipe_names_weights_layers_and_padding(load, whisper_folder, edited) -> None:
    recipe = load(whisper_folder, layers="2,3", padding=4.0).recipe
    assert (recipe["layers"], recipe["padding"], recipe["vad"]) == ([2, 3], 4.0, [])
    other = edited(whisper_folder, lambda w: w["model.encoder.conv1.bias"].add_(1.0))
    assert load(other).recipe["weights_sha256"] != recipe["weights_sha256"]
    assert json.loads(json.dumps(recipe)) == recipe
