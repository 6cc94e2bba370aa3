"""A small cache whose commit records say everything that a record may say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cache import CacheWriter, ClipFeatures, FrameField

PLANNED = {f"ü/{number}": 5 for number in range(6)}


def vad(clip_id: str, frames: int, **more: object) -> ClipFeatures:
    values = np.full((frames, 3), 0.25, np.float32)
    return ClipFeatures(
        clip_id, {"vad": values}, {"vad": values[0]}, 320 * frames, -20.0, "0" * 64, {}, **more
    )


@pytest.fixture
def with_all_kinds(tmp_path) -> Path:
    """Failed clips, notes, a replacement, and a clip that no source is known of."""
    field = FrameField("vad", 3, np.dtype(np.float32))
    writer = CacheWriter.open(tmp_path / "c", {"model": "m"}, [field], shard_mb=0.001)
    for plan in writer.plan(PLANNED):
        sources = {"source_bytes": 7, "source_mtime_ns": 9}
        made = [vad(clip_id, 5, source=f"a/{clip_id}.wav", **sources) for clip_id in list(plan.planned)[:-1]]
        made[0] = replace(made[0], notes={"audio_streams": 2, "channels": "1 of 2"})
        writer.commit(made, plan)
    again = next(plan for plan in writer.plan(PLANNED, replace=["ü/0"]) if plan.supersedes)
    writer.commit([vad("ü/0", 5)], again)
    writer.commit([vad("alone", 3)])
    return tmp_path / "c"
