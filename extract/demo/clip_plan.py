"""Who says what in the demo: speakers, lengths, splits and intensities, all drawn from one seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from extract.demo.voice import EMOTIONS, Speaker

NUM_SPEAKERS = 12
SUFFIXES = (".wav", ".flac", ".mp3", ".mp4")
"""Formats in rotation, by clip number."""

_VALID_SPEAKERS = (2, 6, 10)
_NON_ZERO_SHARE = (0.447, 0.364, 0.325, 0.101, 0.382, 0.325)  # of the corpus the method was made for
_RATERS = 9  # intensities are fractions of so many


@dataclass(frozen=True)
class DemoClip:
    """One clip as planned."""

    clip_id: str
    file: str
    split: str
    speaker: int
    duration: float  # seconds
    intensities: NDArray[np.float64]  # (6,)
    seed: tuple[int, int]


def plan_clips(clips: int, seed: int) -> list[DemoClip]:
    """Return so many clips; the same seed gives the same ones."""
    rng = np.random.default_rng(seed)
    speakers = np.arange(clips) % NUM_SPEAKERS
    valid = np.isin(speakers, _VALID_SPEAKERS)
    intensities = np.empty((clips, len(EMOTIONS)))
    for rows in (np.flatnonzero(~valid), np.flatnonzero(valid)):
        intensities[rows] = _draw_intensities(len(rows), rng)
    durations = np.clip(rng.lognormal(np.log(5.6), 0.4, clips), 1.0, 14.0).round(2)
    return [
        DemoClip(
            clip_id=f"{index:05d}",
            file=f"{index:05d}{suffix_of(index)}",
            split="valid" if valid[index] else "train",
            speaker=int(speakers[index]),
            duration=float(durations[index]),
            intensities=intensities[index],
            seed=(seed, index),
        )
        for index in range(clips)
    ]


def _draw_intensities(clips: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Zero-inflated fractions k/9: (clips, 6), no column constant, so that every correlation is defined."""
    intensities = np.zeros((clips, len(EMOTIONS)))
    for column, share in enumerate(_NON_ZERO_SHARE):
        chosen = rng.permutation(clips)[: max(2, round(share * clips))]
        intensities[chosen, column] = rng.integers(1, _RATERS + 1, len(chosen)) / _RATERS
    return intensities


def suffix_of(index: int) -> str:
    """Return a clip's container: every speaker, and so every split, has all of them."""
    return SUFFIXES[(index + index // NUM_SPEAKERS) % len(SUFFIXES)]


def draw_speakers(seed: int) -> list[Speaker]:
    """Voices from low with a long vocal tract to high with a short one, each a little off that line."""
    rng = np.random.default_rng((seed, NUM_SPEAKERS))
    height = np.linspace(0, 1, NUM_SPEAKERS)
    return [
        Speaker(
            pitch=float(105 * 1.5**tall * rng.uniform(0.97, 1.03)),
            tract=float((0.92 + 0.16 * tall) * rng.uniform(0.98, 1.02)),
            tempo=float(rng.uniform(3.8, 4.6)),
            breath=float(rng.uniform(0.03, 0.1)),
        )
        for tall in height
    ]
