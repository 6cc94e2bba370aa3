"""A Whisper encoder at work: alone or together, cut to the clip, long clips in windows, and what padding does."""

from __future__ import annotations

import numpy as np
import pytest

from extract.encoders.whisper.context import CONTEXT


def test_frames_are_those_of_the_clip_and_so_are_the_means(load, whisper_folder, sounds) -> None:
    encoder = load(whisper_folder)
    for sound, encoded in zip(sounds, encoder.encode(sounds), strict=True):
        frames = encoded.frames["hidden_states/3"]
        assert frames.shape == (len(sound) // 320, 32) == (encoder.num_frames(len(sound)), 32)
        np.testing.assert_allclose(encoded.global_mean["hidden_states/3"], frames.mean(axis=0), atol=1e-5)
        assert not encoded.windowed


@pytest.mark.parametrize("layout", ["whisper_folder", "ctranslate2_folder"])
@pytest.mark.parametrize("padding", [0.5, 30.0])
def test_a_clip_does_not_depend_on_its_batch(load, request, layout, sounds, relative, padding) -> None:
    encoder = load(request.getfixturevalue(layout), padding=padding)
    for sound, together in zip(sounds, encoder.encode(sounds), strict=True):
        alone = encoder.encode([sound])[0].frames["hidden_states/3"]
        assert relative(together.frames["hidden_states/3"], alone) <= 1e-5


def test_both_layouts_of_one_model_give_one_value(
    load, whisper_folder, ctranslate2_folder, sounds, relative
) -> None:
    one, other = load(whisper_folder).encode(sounds), load(ctranslate2_folder).encode(sounds)
    for a, b in zip(one, other, strict=True):
        assert relative(b.frames["hidden_states/3"], a.frames["hidden_states/3"]) <= 1e-5


def test_long_clips_are_marked_and_near_a_window_of_their_own(load, whisper_folder, relative) -> None:
    encoder = load(whisper_folder)
    long = np.random.default_rng(5).normal(0, 0.1, 41 * 16_000).astype(np.float32)
    encoded = encoder.encode([long])[0]
    frames = encoded.frames["hidden_states/3"]
    assert encoded.windowed
    assert frames.shape == (2050, 32)
    first = encoder.encode([long[: 30 * 16_000]])[0].frames["hidden_states/3"]
    np.testing.assert_allclose(frames[: 1500 - CONTEXT - 1], first[: 1500 - CONTEXT - 1], atol=2e-3)
    assert not encoder.encode([long[: 30 * 16_000]])[0].windowed
