"""Two small caches: log-mel frames, and a teacher whose words follow from them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from cache import CacheWriter, ClipFeatures, FrameField
from cache.format.schema import VAD_DIMS
from train.fitting.distil.options import DistilOptions

LOGMEL = {"model": "logmel", "revision": "built in", "config_sha256": "c" * 64, "stored_dtype": "float16"}
TEACHER = {
    "model": "owner/teacher",
    "revision": "main",
    "weights_sha256": "t" * 64,
    "config_sha256": "u" * 64,
}
WIDTH = 12


class Pair(NamedTuple):
    """Folders of the two caches, and who speaks."""

    logmel: Path
    teacher: Path
    speakers: dict[str, str]


def _clip(clip_id: str, frames: dict[str, np.ndarray], clip: dict[str, np.ndarray]) -> ClipFeatures:
    means = {name: values.astype(np.float32).mean(0) for name, values in frames.items()}
    return ClipFeatures(clip_id, frames, means, 8000, -20.0, f"{clip_id:0>64}", clip)


def make_pair(root: Path, vad: bool = True, clips: int = 36) -> Pair:
    """Clips of 6 speakers whose level and slope over bands change; the teacher says these, and frames of them."""
    rng = np.random.default_rng(3)
    heard, said, mix = [], [], rng.standard_normal((3, WIDTH))
    for number in range(clips):
        length = int(rng.integers(8, 20))
        level, slope, beat = rng.uniform(-1, 1, 3)
        time = np.linspace(-1, 1, length)[:, None]
        bands = np.linspace(-1, 1, 81)[None]
        logmel = level + 0.3 * time * beat + slope * bands + 0.1 * rng.standard_normal((length, 81))
        words = np.stack([0.5 + 0.2 * level + 0 * time[:, 0], 0.4 + 0.3 * slope + 0.1 * time[:, 0] * beat,
                          0.5 + 0.2 * beat + 0 * time[:, 0]], 1).astype(np.float32)  # fmt: skip
        frames = {"features": ((words - 0.5) @ mix).astype(np.float32)} | ({"vad": words} if vad else {})
        clip_id = f"c{number:03}"
        heard.append(_clip(clip_id, {"logmel": logmel.astype(np.float16)}, {}))
        said.append(_clip(clip_id, frames, {"vad": words.mean(0)} if vad else {}))
    fields = [FrameField("features", WIDTH, np.dtype(np.float16))]
    fields += [FrameField("vad", 3, np.dtype(np.float32), dims=VAD_DIMS)] if vad else []
    CacheWriter.open(root / "logmel", LOGMEL, [FrameField("logmel", 81, np.dtype(np.float16))]).commit(heard)
    CacheWriter.open(root / "teacher", TEACHER, fields, licence="CC BY-NC-SA 4.0").commit(said)
    speakers = {clip.clip_id: f"s{number % 6}" for number, clip in enumerate(heard)}
    return Pair(root / "logmel", root / "teacher", speakers)


@pytest.fixture(scope="session")
def pair(tmp_path_factory) -> Pair:
    return make_pair(tmp_path_factory.mktemp("pair"))


@pytest.fixture(scope="session")
def mute(tmp_path_factory) -> Pair:
    """A teacher without VAD."""
    return make_pair(tmp_path_factory.mktemp("mute"), vad=False)


@pytest.fixture(scope="session")
def quick() -> DistilOptions:
    return DistilOptions("10k", folds=3, epochs=3, batch_size=6)
