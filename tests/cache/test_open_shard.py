"""A clip costs what it weighs, not what its shard weighs, and nothing unchecked is handed out."""

from __future__ import annotations

import os
import shutil

import numpy as np
import pytest

from cache import CacheReader, CacheWriter, ClipFeatures, FrameField
from cache.common.errors import DamagedCacheError, UnknownFieldError

CLIPS, FRAMES, WIDTH = 200, 40, 256
FIELDS = (FrameField("hidden_states/12", WIDTH, np.dtype(np.float16)), FrameField("vad", 3))
FRAME_BYTES = FRAMES * (WIDTH * 2 + 3 * 4)


@pytest.fixture(scope="module", params=["hdf5", "zarr"])
def path(request, tmp_path_factory):
    """One shard of many clips."""
    path = tmp_path_factory.mktemp("many") / "c"
    rng = np.random.default_rng(0)
    clips = []
    for number in range(CLIPS):
        hidden = rng.normal(size=(FRAMES, WIDTH)).astype(np.float16)
        frames = {"hidden_states/12": hidden, "vad": rng.random((FRAMES, 3)).astype(np.float32)}
        means = {name: values.mean(axis=0, dtype=np.float32) for name, values in frames.items()}
        text = f"{number:05}"
        clips.append(ClipFeatures(text, frames, means, 9, -20.0, "0" * 64, {"vad": means["vad"]}, text))
    CacheWriter.open(path, {"model": "many"}, FIELDS, store=request.param).commit(clips)
    return path


@pytest.fixture
def read(monkeypatch) -> list[int]:
    """The bytes of every read."""
    sizes: list[int] = []
    preadv = os.preadv

    def counted(*arguments):
        sizes.append(preadv(*arguments))
        return sizes[-1]

    monkeypatch.setattr(os, "preadv", counted)
    return sizes


def test_one_clip_of_a_shard_of_many_reads_its_frames_and_little_else(path, read) -> None:
    reader = CacheReader(path)
    reader["00100"]
    row = WIDTH * 4 + 3 * 4 + 200
    assert FRAME_BYTES < sum(read) <= FRAME_BYTES + CLIPS * row, "the clip-level arrays, once, to check them"
    for clip_id in ("00101", "00017"):
        before = sum(read)
        reader[clip_id]
        assert sum(read) - before <= FRAME_BYTES + row


def test_all_clips_of_a_shard_read_each_byte_about_once(path, read) -> None:
    reader = CacheReader(path)
    for clip_id in reader:
        reader[clip_id]
    assert sum(read) <= 1.25 * CLIPS * FRAME_BYTES
    assert len(read) <= 12 * CLIPS


def test_rows_are_those_of_the_tables_before_and_after_the_arrays_were_checked(path) -> None:
    reader = CacheReader(path)
    ids = list(reader.clip_ids)
    tables = {name: reader.clip_table(f"clips/{name}") for name in ("source", "rms_db", "vad", "silent")}
    for row, clip_id in enumerate(ids):
        clip = reader[clip_id]
        for name, table in tables.items():
            np.testing.assert_array_equal(clip.clip[name], table[row])
        clip.clip["vad"][:] = 7.0  # what is kept is not what was handed out
    assert reader[ids[-1]].clip["vad"].tolist() == tables["vad"][-1].tolist()


@pytest.mark.parametrize("path", ["hdf5"], indirect=True)
@pytest.mark.parametrize("name", ["global_mean/vad", "global_mean/hidden_states/12", "clips/rms_db"])
def test_a_flipped_bit_in_a_clip_level_array_is_never_handed_out(path, tmp_path, name) -> None:
    shutil.copytree(path, tmp_path / "c")
    record = CacheReader(path).records[0]
    file = tmp_path / "c" / "shards" / record.file
    data = bytearray(file.read_bytes())
    data[record.datasets[name].offset] ^= 1
    file.write_bytes(data)
    reader = CacheReader(tmp_path / "c")
    for clip_id in ("00199", "00000", "00199"):
        with pytest.raises(DamagedCacheError, match=f"{name}: checksum does not match"):
            reader[clip_id]


def test_a_field_that_is_not_there_is_named(path) -> None:
    with pytest.raises(UnknownFieldError, match=r"no clip-level field 'clips/loud', only .*clips/rms_db"):
        CacheReader(path).clip_table("clips/loud")
    with pytest.raises(UnknownFieldError, match="no clip-level field 'frames/vad'"):
        CacheReader(path).clip_table("frames/vad")
