"""A cache of smooth clips, and the laptop cache made from it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cache import CacheWriter, ClipFeatures, FrameField
from cache.compaction.compact import compact
from cache.compaction.options import CompactOptions

WIDTH = 48
FIELDS = (
    FrameField("hidden_states/6", WIDTH, np.dtype(np.float16)),
    FrameField("hidden_states/12", WIDTH, np.dtype(np.float16)),
    FrameField("vad", 3, np.dtype(np.float32), dims=("arousal", "dominance", "valence")),
)
RECIPE = {"model": "test", "revision": "1", "weights_sha256": "a" * 64, "config_sha256": "b" * 64}
OPTIONS = CompactOptions(pool=5, project=20)


def _smooth_clip(clip_id: str, frames: int) -> ClipFeatures:
    """Correlated channels that change slowly, as an encoder's do."""
    rng = np.random.default_rng([frames, *clip_id.encode()])
    mixing = np.random.default_rng(0).normal(size=(WIDTH, WIDTH)) * np.geomspace(8, 0.02, WIDTH)[:, None]
    steps = np.cumsum(rng.normal(size=(frames, WIDTH)), axis=0) * 0.2 + rng.normal(size=WIDTH)
    hidden = (steps @ mixing + 3).astype(np.float32)
    vad = 1 / (1 + np.exp(-hidden[:, :3] / 20))
    values = {"hidden_states/6": 2 * hidden, "hidden_states/12": hidden, "vad": vad.astype(np.float32)}
    means = {name: array.mean(axis=0) for name, array in values.items()}
    return ClipFeatures(clip_id, values, means, frames * 320, -20.0, "0" * 64, {"vad": means["vad"]})


def _write(path: Path, ids: list[str], recipe: dict[str, str] | None = None) -> Path:
    writer = CacheWriter.open(path, recipe or RECIPE, FIELDS)
    for start in range(0, len(ids), 6):
        writer.commit([_smooth_clip(clip_id, 11 + 3 * int(clip_id)) for clip_id in ids[start : start + 6]])
    return path


@pytest.fixture(scope="session")
def smooth_clip() -> Callable[..., ClipFeatures]:
    """Make a clip of an id and a length."""
    return _smooth_clip


@pytest.fixture(scope="session")
def write_source() -> Callable[..., Path]:
    """Write a cache of smooth clips."""
    return _write


@pytest.fixture(scope="session")
def options() -> CompactOptions:
    """What the small cache was made with."""
    return OPTIONS


@pytest.fixture(scope="session")
def full(tmp_path_factory) -> Path:
    return _write(tmp_path_factory.mktemp("full") / "c", [f"{n:02}" for n in range(20)])


@pytest.fixture(scope="session")
def small(full, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("small") / "c"
    compact(full, path, OPTIONS, fit_on=[f"{n:02}" for n in range(10)])
    return path
