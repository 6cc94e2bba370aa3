"""Long clips: windows tile them, convolutions in chunks are exact, windowed attention is close."""

from __future__ import annotations

import pytest
import torch

from extract.encoders.speech import long_clips
from extract.encoders.speech.long_clips import CONTEXT, WINDOW, windows


def test_windows_tile_a_clip_and_every_frame_has_its_context() -> None:
    for frames in (1, WINDOW, WINDOW + 1, WINDOW + 777, 5 * WINDOW, 62_495):
        covered = []
        for seen, kept in windows(frames):
            assert seen.stop - seen.start <= WINDOW
            assert kept.start >= (CONTEXT if seen.start else 0)
            assert seen.stop == frames or kept.stop == WINDOW - CONTEXT
            covered += range(seen.start + kept.start, seen.start + kept.stop)
        assert covered == list(range(frames))


@pytest.mark.parametrize("norm", ["layer", "group"])
def test_convolutions_in_chunks_are_exact(load, relative, saved, voice, norm) -> None:
    encoder = load(saved["wav2vec2", norm])
    extractor = encoder._model.feature_extractor.double()
    inputs = torch.from_numpy(voice(4.0)[:, 0]).double()[None]
    whole = extractor(inputs).transpose(1, 2)
    for chunk in (7, 25, 100):
        original, long_clips.WINDOW = long_clips.WINDOW, 10
        try:
            parts = long_clips.convolve(extractor, inputs, encoder._layout, chunk)
        finally:
            long_clips.WINDOW = original
        assert parts.shape == whole.shape
        assert relative(parts.numpy(), whole.numpy()) < (1e-12 if norm == "layer" else 1e-6)


def test_a_clip_beyond_the_limit_is_marked_and_close_to_whole_attention(
    load, relative, saved, voice, monkeypatch
) -> None:
    encoder = load(saved["wav2vec2", "layer"])
    clip = voice(8.0)[:, 0]
    whole = encoder.encode([clip])[0]
    monkeypatch.setattr("extract.encoders.speech.long_clips.WINDOW", 200)
    monkeypatch.setattr("extract.encoders.speech.long_clips.CONTEXT", 60)
    monkeypatch.setattr("extract.encoders.speech.transformer.WHOLE_SECONDS", 4.0)
    long = encoder.encode([clip])[0]
    assert long.windowed
    assert not whole.windowed
    name = "hidden_states/2"
    assert long.frames[name].shape == whole.frames[name].shape
    assert relative(long.frames[name], whole.frames[name]) < 0.2
    assert long.global_mean[name] == pytest.approx(long.frames[name].mean(axis=0), abs=1e-5)
    together = encoder.encode([clip, clip[:16_000]])
    assert relative(together[0].frames[name], long.frames[name]) < 1e-6
