"""A corpus as large as the method's, synthetic: features whose drift over the clip carries the labels."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from cache import CacheWriter, ClipFeatures
from cache.format.schema import VAD_DIMS, FrameField

NAMES = ("Admiration", "Amusement", "Determination", "Empathic Pain", "Excitement", "Joy")
NON_ZERO = (0.447, 0.364, 0.325, 0.101, 0.382, 0.325)
MEAN_SECONDS = 6.915
SPREAD = 0.4  # of the logarithm of the length


def make_corpus(
    folder: Path,
    width: int,
    frame_shift: float,
    train: int = 8072,
    valid: int = 4588,
    seed: int = 0,
    spread: float = SPREAD,
) -> tuple[Path, Path]:
    """Write a cache of random features and its label tables; give their paths.

    Args:
        folder: to write into.
        width: channels of the hidden states.
        frame_shift: seconds a frame.
        train: clips.
        valid: clips.
        seed: of everything.
        spread: standard deviation of the logarithm of a clip's length; 0 makes all equally long.
    """
    rng = np.random.default_rng(seed)
    truth = (
        np.round(rng.uniform(0.1, 1, (train + valid, 6)) * 9)
        / 9
        * (rng.uniform(size=(train + valid, 6)) < NON_ZERO)
    )
    ids = [f"{index:05d}" for index in range(train + valid)]
    labels = folder / "labels"
    labels.mkdir(parents=True)
    for name, start, stop in (("train", 0, train), ("valid", train, train + valid)):
        with (labels / f"{name}_split.csv").open("w", newline="") as file:
            csv.writer(file).writerow(["Filename", *NAMES])
            csv.writer(file).writerows([ids[i], *truth[i]] for i in range(start, stop))
    fields = [
        FrameField("hidden_states/12", width, np.dtype(np.float16), frame_shift),
        FrameField("vad", 3, np.dtype(np.float32), frame_shift, VAD_DIMS),
    ]
    writer = CacheWriter.open(
        folder / "cache", {"format_version": 1, "model": "synthetic", "width": width}, fields
    )
    basis = rng.standard_normal((6, width)) / 3
    for start in range(0, len(ids), 500):
        writer.commit(
            [
                _clip(ids[i], truth[i], basis, frame_shift, rng, spread)
                for i in range(start, min(start + 500, len(ids)))
            ]
        )
    return folder / "cache", labels


def _clip(
    clip_id: str, truth: np.ndarray, basis: np.ndarray, shift: float, rng: np.random.Generator, spread: float
) -> ClipFeatures:
    seconds = float(np.clip(rng.lognormal(np.log(6.4), spread), 0.1, 12))
    frames = max(1, round(seconds / shift))
    time = np.linspace(-1, 1, frames)[:, None]
    hidden = 2 * rng.standard_normal((frames, basis.shape[1]), dtype=np.float32)
    hidden += (truth[:3] - 0.3) @ basis[:3] + time * ((truth[3:] - 0.2) @ basis[3:])
    values = {
        "hidden_states/12": hidden,
        "vad": (0.5 + 0.1 * rng.standard_normal((frames, 3))).astype(np.float32),
    }
    means = {name: each.mean(0).astype(np.float32) for name, each in values.items()}
    return ClipFeatures(clip_id, values, means, int(seconds * 16000), -20.0, "0" * 64, clip={})
