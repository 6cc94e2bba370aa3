"""The golden cache: written once by format version 1, and read to the same values for ever.

It was made by ``python tests/cache/test_golden.py FOLDER``; never make it again, that is its point.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from cache import (
    CacheReader,
    CacheWriter,
    ClipFeatures,
    CompactOptions,
    FrameField,
    Projection,
    compact,
    verify,
)

GOLDEN = Path(__file__).parent / "golden"
IDS = ("00000", "00001", "sub/ä b")
NAMES = ("hdf5", "zarr", "compact")


def values(clip_id: str, frames: int, width: int) -> np.ndarray:
    """Numbers that are exact in float16 and follow from no library's random generator."""
    grid = np.arange(frames * width, dtype=np.int64).reshape(frames, width)
    return ((grid * 37 + 11 * IDS.index(clip_id)) % 257 - 128).astype(np.float32) / 64


def golden_clip(clip_id: str) -> ClipFeatures:
    count = 6 + IDS.index(clip_id)
    frames = {"hidden_states/2": values(clip_id, count, 20), "vad": values(clip_id, count, 3)}
    means = {name: array.mean(axis=0, dtype=np.float32) for name, array in frames.items()}
    return ClipFeatures(
        clip_id, frames, means, 1999, -21.5, "0123456789abcdef" * 4, {"vad": means["vad"]},
        source=f"{clip_id}.wav", source_bytes=77, source_mtime_ns=1_700_000_000_000_000_000, start=0.25, cut=True,
    )  # fmt: skip


def make_golden(folder: Path) -> None:
    """Write the three golden caches."""
    fields = (
        FrameField("hidden_states/2", 20, np.dtype(np.float16)),
        FrameField("vad", 3, np.dtype(np.float32), dims=("arousal", "dominance", "valence")),
    )
    clips = [golden_clip(clip_id) for clip_id in IDS]
    for store in NAMES[:2]:
        writer = CacheWriter.open(folder / store, {"model": "golden"}, fields, store=store, licence="MIT")
        writer.commit(clips)
    compact(folder / "hdf5", folder / "compact", CompactOptions(pool=2, project=4))
    writer = CacheWriter.open(folder / "hdf5", {"model": "golden"}, fields)
    [plan] = writer.plan({IDS[1]: 7}, replace={IDS[1]})
    writer.commit([clips[1]], plan)
    for path in folder.glob("*/leases"):
        shutil.rmtree(path)


@pytest.mark.parametrize("store", NAMES[:2])
def test_the_golden_cache_reads_to_its_exact_values(store) -> None:
    reader = CacheReader(GOLDEN / store)
    assert sorted(reader.clip_ids) == sorted(IDS)
    assert reader.recipe == {"model": "golden"}
    for clip_id in IDS:
        expected, read = golden_clip(clip_id), reader[clip_id]
        for name, frames in expected.frames.items():
            assert read.frames[name].dtype == reader.frame_fields[name].dtype
            np.testing.assert_array_equal(read.frames[name], frames)
            np.testing.assert_allclose(read.global_mean[name], expected.global_mean[name], rtol=1e-6)
        assert read.clip["clip_id"] == clip_id
        assert read.clip["source"] == f"{clip_id}.wav"
        assert (read.clip["num_samples"], read.clip["duration"]) == (1999, 1999 / 16000)
        assert (read.clip["rms_db"], read.clip["start"]) == (-21.5, 0.25)
        assert bool(read.clip["cut"])
        assert not read.clip["silent"]
        assert read.clip["audio_sha256"] == "0123456789abcdef" * 4
    replaced = [record.content.supersedes for record in reader.records if record.content.generation]
    assert replaced == ([(IDS[1],)] if store == "hdf5" else [])
    assert verify(GOLDEN / store).findings == ()


def test_the_golden_compact_cache_reads_to_its_exact_values() -> None:
    reader, projection = CacheReader(GOLDEN / "compact"), Projection.load(GOLDEN / "compact")
    expected = json.loads((GOLDEN / "compact_values.json").read_text())
    for clip_id in IDS:
        stored = reader.read_frames(clip_id, "hidden_states/2")
        assert stored.dtype == np.int8
        assert stored.tolist() == expected[clip_id]
        exact = projection.frames("hidden_states/2", values(clip_id, 6 + IDS.index(clip_id), 20))
        scale, _ = reader.scale_offset(clip_id, "hidden_states/2")
        error = np.abs(reader.read_values(clip_id, "hidden_states/2") - exact)
        assert (error <= 0.51 * scale.astype(np.float32) + 1e-5).all()
    assert verify(GOLDEN / "compact").findings == ()


def test_the_golden_caches_stay_small_and_are_of_version_1() -> None:
    assert sum(path.stat().st_size for path in GOLDEN.rglob("*") if path.is_file()) < 100_000
    for name in NAMES:
        assert json.loads((GOLDEN / name / "cache.json").read_text())["format_version"] == 1


if __name__ == "__main__":
    made = Path(sys.argv[1])
    make_golden(made)
    small = CacheReader(made / "compact")
    stored_values = {
        clip_id: small.read_frames(clip_id, "hidden_states/2").tolist() for clip_id in small.clip_ids
    }
    (made / "compact_values.json").write_text(json.dumps(stored_values))
