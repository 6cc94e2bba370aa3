"""Wav2Small's shape: a frame for every whole 20 ms, and the order of its outputs in the hash of its settings."""

from __future__ import annotations

from extract.encoders.vad.wav2small_layout import Wav2SmallLayout


def test_frames_are_whole_20_ms() -> None:
    layout = Wav2SmallLayout((0, 1, 2))
    assert [layout.num_frames(samples) for samples in (319, 320, 639, 16_000)] == [0, 1, 1, 50]
    assert layout.fields[1].dims == ("arousal", "dominance", "valence")


def test_another_order_is_another_recipe() -> None:
    assert Wav2SmallLayout((0, 1, 2)).config_sha256() != Wav2SmallLayout((2, 0, 1)).config_sha256()
