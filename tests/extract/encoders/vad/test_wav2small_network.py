"""Wav2Small at work: equal to its published formulas, in pieces as in one, and every weight in its place."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional

from extract.encoders.vad import wav2small_network
from extract.errors import EncoderError


def published(weights, sound) -> np.ndarray:
    """The clip's arousal, dominance, valence by the formulas of the paper, with torch's own spectrum."""
    x = torch.from_numpy((sound - sound.mean()) / np.sqrt(sound.var() + 1e-7))
    spectrum = torch.stft(x, 64, 32, window=torch.hann_window(64), center=False, return_complex=True)
    mel = spectrum.abs().square().T @ weights["vgg7.logmel_extractor.melW"]
    x = 10 * torch.log10(mel.clamp_min(1e-10))[None, None]
    for number in range(1, 8):
        name = f"vgg7.l{number}"
        x = functional.conv2d(x, weights[f"{name}.conv.weight"], padding=1)
        norm = [weights[f"{name}.norm.{key}"] for key in ("running_mean", "running_var", "weight", "bias")]
        x = functional.relu(functional.batch_norm(x, *norm))
        x = functional.max_pool2d(x, 3, 2, 1) if number == 3 else x
    lin, sof = (
        functional.conv2d(x, weights[f"vgg7.{n}.weight"], weights[f"vgg7.{n}.bias"]) for n in ("lin", "sof")
    )
    x = (lin * sof.softmax(2)).sum(2)
    x = torch.cat([x, x @ x.transpose(1, 2)], 2).reshape(1, 338)
    return functional.linear(x, weights["adv.weight"], weights["adv.bias"])[0].numpy()


def test_clip_values_equal_the_published_formulas(wav2small, load, sounds) -> None:
    weights, encoder = load_file(wav2small / "model.safetensors"), load(wav2small)
    for sound, encoded in zip(sounds, encoder.encode(sounds), strict=True):
        np.testing.assert_allclose(encoded.clip["vad"], published(weights, sound), atol=1e-4, rtol=1e-4)
        assert encoded.frames["wav2small"].shape == (len(sound) // 320, 169)
        assert encoded.frames["vad"].shape == (len(sound) // 320, 3)


def test_a_long_clip_in_pieces_is_that_in_one(wav2small, load, monkeypatch, relative) -> None:
    encoder = load(wav2small)
    sound = np.random.default_rng(9).normal(0, 0.1, 70_123).astype(np.float32)
    whole = encoder.encode([sound])[0]
    monkeypatch.setattr(wav2small_network, "WINDOW", 50)
    pieces = encoder.encode([sound])[0]
    for name in ("wav2small", "vad"):
        assert relative(pieces.frames[name], whole.frames[name]) <= 1e-5
    assert relative(pieces.clip["vad"], whole.clip["vad"]) <= 1e-5


def halved(weights) -> None:
    weights.update({name: tensor.half() for name, tensor in weights.items() if tensor.is_floating_point()})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (halved, r"logmel_extractor\.amin is 0, expected more than 0"),
        (lambda w: w["vgg7.l2.norm.running_var"].neg_(), r"l2\.norm\.running_var holds a variance below 0"),
    ],
)
def test_weights_that_make_no_clip_finite_are_named(wav2small, load, edited, change, message) -> None:
    with pytest.raises(EncoderError, match=message):
        load(edited(wav2small, change))


def test_another_order_of_labels_is_mapped(wav2small, load, edited, sounds) -> None:
    ours = load(wav2small).encode(sounds[1:2])[0].clip["vad"]
    labels = {"0": "valence", "1": "arousal", "2": "dominance"}
    other = load(edited(wav2small, id2label=labels)).encode(sounds[1:2])[0].clip["vad"]
    np.testing.assert_array_equal(other, ours[[1, 2, 0]])


@pytest.mark.parametrize("name", ["vgg7.l4.conv.weight", "vgg7.logmel_extractor.melW", "adv.bias"])
def test_a_missing_weight_is_named(wav2small, load, edited, name) -> None:
    with pytest.raises(EncoderError, match=f"missing {name}"):
        load(edited(wav2small, lambda weights: weights.pop(name)))
