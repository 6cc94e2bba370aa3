"""Channels become one and speech keeps its level: silent ones are left out, cancelling ones are not added."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from extract.audio.decode import decode, decode_file
from extract.audio.mixing import Levels, Mix, mono
from extract.audio.rules import FIRST
from extract.audio.samples import rms_db
from extract.sources.clips import SourceClip

RATE = 16_000
TONE = (0.2 * np.sin(2 * np.pi * 220 * np.arange(2 * RATE) / RATE)).astype(np.float32)
NOISE = np.random.default_rng(0).standard_normal((len(TONE), 6)).astype(np.float32)


def channels(*gains: float, noise: float = 0.0) -> np.ndarray:
    """The tone in channels, each with its gain, in noise of its own."""
    return np.stack([gain * TONE for gain in gains], axis=1) + noise * NOISE[:, : len(gains)]


def mix_of(sound: np.ndarray) -> Mix:
    levels = Levels(sound.shape[1])
    for start in range(0, len(sound), 5000):
        levels.add(sound[start : start + 5000], mono(sound[start : start + 5000]))
    return levels.mix()


def test_the_mean_of_channels_is_taken_in_their_order() -> None:
    block = np.array([[1e8, 1.0, -1e8]], np.float32)
    assert mono(block)[0] == np.float32((np.float32(1e8) + np.float32(1)) - np.float32(1e8)) / 3
    assert mono(block, [1])[0] == 1.0
    assert mono(block, [0, 1])[0] == (np.float32(1e8) + np.float32(1)) / np.float32(2)


@pytest.mark.parametrize(
    ("sound", "taken"),
    [
        (channels(1, 1), (0, 1)),
        (channels(1, 0.1), (0, 1)),
        (channels(0, 0), (0, 1)),
        (channels(0, 1), (1,)),
        (channels(0.02, 1), (1,)),
        (channels(0, 0, 1, 0, 0, 0), (2,)),
        (channels(0, 0.9, 1, 0, 0, 0), (1, 2)),
        (channels(0, 0, noise=0.001), (0, 1)),
        (channels(1, -1) + np.float32([0.1, -0.1]), (0,)),
        (channels(1, 0) + np.float32([0.0, 0.3]), (0,)),
    ],
)
def test_channels_that_are_silent_beside_the_loudest_are_left_out(sound, taken) -> None:
    """A constant offset is no sound, and what is 30 dB below adds nothing."""
    assert mix_of(sound).channels == taken


@pytest.mark.parametrize(
    ("sound", "taken", "lost"),
    [
        (channels(1, -1), 0, 120.0),
        (channels(-0.9, 1), 1, 26.0),
        (channels(1, -0.4), None, 0.0),
        (channels(1, -0.99, noise=0.0005), 0, None),
        (channels(0.2, 0.2, 1, 0, -0.2, -0.2, noise=0.001), 2, 15.6),
    ],
)
def test_the_loudest_channel_stands_for_channels_that_cancel(sound, taken, lost) -> None:
    mix = mix_of(sound)
    if taken is None:
        assert mix.is_mean_of_all
        assert mix.lost_db == 0
        return
    assert mix.channels == (taken,)
    assert mix.lost_db > 12
    assert lost is None or mix.lost_db == pytest.approx(lost, abs=2)


def test_what_is_not_finite_is_left_to_the_mean_that_brings_it_to_light() -> None:
    sound = channels(1, -1)
    sound[7, 1] = np.nan
    assert mix_of(sound).is_mean_of_all


@pytest.mark.parametrize(
    ("gains", "level", "first_level", "notes"),
    [
        ((1, -1), -17.0, -120.0, {"channels": "0 of 2", "mix_lost_db": 120.0}),
        ((0, 1), -17.0, -23.0, {"channels": "1 of 2"}),
        ((0, 0, 1, 0, 0, 0), -17.0, -32.5, {"channels": "2 of 6"}),
        ((1, 0.5), -19.5, -19.5, {}),
    ],
)
def test_speech_keeps_its_level_wherever_it_is(tmp_path, clip, gains, level, first_level, notes) -> None:
    """In the centre of 5.1 or on one of two channels; a cache of the first version keeps its meaning."""
    path = tmp_path / "x.wav"
    soundfile.write(path, channels(*gains), RATE, subtype="FLOAT")
    audio = decode(clip(path), 12.0)
    assert audio.rms_db == pytest.approx(level, abs=0.1)
    assert rms_db(audio.samples) == audio.rms_db
    assert audio.notes == notes
    first = decode(clip(path), 12.0, FIRST)
    assert first.rms_db == pytest.approx(first_level, abs=0.1)
    assert first.notes == {}
    np.testing.assert_array_equal(first.samples, mono(channels(*gains)))


def test_an_inverted_channel_is_found_behind_a_lossy_codec(
    tmp_path, clip, tones, track, write_tracks, pitch
) -> None:
    sound = tones(2.0, channels=2) + 0.002 * NOISE[:, :1]
    sound[:, 1] *= -1
    audio = decode(clip(write_tracks(tmp_path / "x.m4a", track(sound))), 12.0)
    assert audio.notes["mix_lost_db"] > 25
    assert audio.rms_db == pytest.approx(-13.5, abs=0.3)
    assert pitch(audio.samples[:15_000]) == pytest.approx(300, abs=3)


def test_every_segment_is_mixed_by_what_it_holds(tmp_path) -> None:
    """First both speak, then only the right one, then the left one is inverted; a chosen channel is itself."""
    parts = channels(1, 1), channels(0, 1), channels(-1, 1)
    soundfile.write(tmp_path / "x.wav", np.concatenate(parts), RATE, subtype="FLOAT")
    bounds = {"both": (0.0, 2.0), "right": (2.0, 4.0), "cancel": (4.0, 6.0)}
    segments = [SourceClip(name, tmp_path / "x.wav", "x.wav", *bound) for name, bound in bounds.items()]
    segments.append(SourceClip("left", tmp_path / "x.wav", "x.wav", 4.0, 6.0, channel=0))
    heard = decode_file(segments, 12.0)
    assert {name: audio.notes.get("channels") for name, audio in heard.items()} == {
        "both": None, "right": "1 of 2", "cancel": "0 of 2", "left": None,
    }  # fmt: skip
    for audio in heard.values():
        np.testing.assert_array_equal(np.abs(audio.samples), np.abs(TONE))
    np.testing.assert_array_equal(heard["left"].samples, -TONE)
    for segment in segments:
        assert decode(segment, 12.0).sha256 == heard[segment.clip_id].sha256
