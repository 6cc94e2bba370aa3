"""Features as other tools leave them."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from cache import CacheReader
from cache.common.types import Array
from cache.imports.part import Part

WIDTH = 6


@pytest.fixture
def clips() -> dict[str, Array]:
    """Features of clips of several lengths, as float16; ids that a number would spoil."""
    rng = np.random.default_rng(7)
    lengths = {"00042": 5, "7": 1, "s1/a b": 9, "ü": 3}
    return {name: rng.normal(size=(n, WIDTH)).astype(np.float16) for name, n in lengths.items()}


@pytest.fixture
def loaded() -> Callable[..., dict[str | None, Array]]:
    """The values of parts, by key."""

    def load(parts: list[Part]) -> dict[str | None, Array]:
        return {part.key: part.values.load() for part in parts if part.values is not None}

    return load


@pytest.fixture
def same_clips() -> Callable[[Path, Mapping[str, Array]], None]:
    """A cache holds exactly these clips, bit for bit, and their means."""

    def check(cache: Path, clips: Mapping[str, Array]) -> None:
        with CacheReader(cache) as reader:
            assert sorted(reader.clip_ids) == sorted(clips)
            (name,) = reader.frame_fields
            for clip_id, values in clips.items():
                clip = reader[clip_id]
                np.testing.assert_array_equal(clip.frames[name], values)
                assert clip.global_mean[name].dtype == np.float32
                np.testing.assert_array_equal(
                    clip.global_mean[name], np.asarray(values, np.float32).mean(axis=0)
                )

    return check


class Runs:
    """Runs a program when it is unpickled by something that trusts it."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (f"touch '{self.marker}'",)


@pytest.fixture
def malicious(tmp_path: Path) -> tuple[bytes, Path]:
    """A pickle that would leave a marker behind, and the marker."""
    marker = tmp_path / "executed"
    data = pickle.dumps({"a": np.zeros((2, WIDTH)), "b": Runs(marker)})
    pickle.loads(data)  # it would, by Python's own unpickler
    assert marker.exists()
    marker.unlink()
    return data, marker
