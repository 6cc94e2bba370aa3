"""A synthetic cache of the size and shape of the corpus: clips of 346 frames on average, 1024 channels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from cache import CacheWriter, ClipFeatures, FrameField

WIDTH = 1024
LATENT = 96  # the channels of a speech encoder move together
MEAN_FRAMES = 346
FIELDS = (
    FrameField("hidden_states/12", WIDTH, np.dtype(np.float16)),
    FrameField("vad", 3, np.dtype(np.float32), dims=("arousal", "dominance", "valence")),
)
RECIPE = {"model": "synthetic", "weights_sha256": "0" * 64, "config_sha256": "0" * 64}


def lengths(clips: int, seed: int = 0) -> np.ndarray:
    """Frames of each clip: mean 346, 3 to 599."""
    drawn = np.random.default_rng(seed).gamma(4.0, MEAN_FRAMES / 4.0, clips)
    return np.clip(drawn * 1.035, 3, 599).astype(int)


class SmoothFeatures:
    """Frames that change slowly and channels that are correlated, a few of them much larger than the rest."""

    def __init__(self, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        sizes = np.geomspace(3.0, 0.05, LATENT)[:, None]
        self._mixing = (rng.normal(size=(LATENT, WIDTH)) * sizes * 0.05).astype(np.float32)
        self._mixing[:, :5] *= 30
        self._noise = (rng.normal(size=(4096, WIDTH)) * 0.01).astype(np.float32)
        self._rng = rng

    def clip(self, clip_id: str, frames: int) -> ClipFeatures:
        """Return one clip; its vad follows from its hidden states."""
        steps = self._rng.normal(size=(frames, LATENT)).astype(np.float32)
        smooth = 0.3 * np.cumsum(steps, axis=0) / np.sqrt(np.arange(1, frames + 1, dtype=np.float32))[:, None]
        smooth += self._rng.normal(size=LATENT).astype(np.float32)
        hidden = smooth @ self._mixing
        start = int(self._rng.integers(0, len(self._noise) - frames))
        hidden += self._noise[start : start + frames]
        vad = (1 / (1 + np.exp(-smooth[:, :3]))).astype(np.float32)
        return ClipFeatures(
            clip_id=clip_id,
            frames={"hidden_states/12": hidden.astype(np.float16), "vad": vad},
            global_mean={"hidden_states/12": hidden.mean(axis=0), "vad": vad.mean(axis=0)},
            clip={"vad": vad.mean(axis=0)},
            num_samples=frames * 320 + 80,
            rms_db=-20.0,
            audio_sha256="0" * 64,
        )


def write_cache(path: Path, clips: int, store: str = "hdf5") -> int:
    """Write such a cache, if it is not there yet; return its frames."""
    frames = lengths(clips)
    planned = {f"{number:05}": int(count) for number, count in enumerate(frames)}
    writer = CacheWriter.open(path, RECIPE, FIELDS, store=store)
    features = SmoothFeatures()
    for plan in writer.plan(planned):
        writer.commit([features.clip(clip_id, count) for clip_id, count in plan.planned.items()], plan)
    return int(frames.sum())


def in_shards(frames: Sequence[int], frames_per_shard: int) -> Iterator[list[int]]:
    """Yield runs of clip numbers that fill a shard."""
    shard: list[int] = []
    for number, _ in enumerate(frames):
        shard.append(number)
        if sum(frames[i] for i in shard) >= frames_per_shard:
            yield shard
            shard = []
    if shard:
        yield shard
