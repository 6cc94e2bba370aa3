"""Whatever single byte of a shard is damaged, at most one clip of it is lost."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from cache import CacheReader, CacheWriter, diff, repair, verify
from cache.tools.salvage import salvage

CLIPS = 240


@pytest.fixture(scope="module")
def large(tmp_path_factory, recipe, fields, make_clip):
    """A cache of one shard of 240 clips."""
    path = tmp_path_factory.mktemp("large") / "c"
    CacheWriter.open(path, recipe, fields).commit([make_clip(f"{n:03}", 3 + n % 4) for n in range(CLIPS)])
    return path


@pytest.mark.parametrize(
    ("name", "lost"),
    [
        *(("frames/vad", 1), ("frames/hidden_states/2", 1), ("global_mean/vad", 1), ("clips/vad", 1)),
        *(("clips/crc32c/vad", 1), ("clips/clip_id", 1), ("clips/duration", 1)),
        *(("offsets", 0), ("content", 0), ("crc32c", 0), ("", 0)),
    ],
)
def test_239_of_240_clips_outlive_one_bad_bit(large, tmp_path, name, lost) -> None:
    path = tmp_path / "c"
    shutil.copytree(large, path)
    [record] = CacheReader(path).records
    file = path / "shards" / record.file
    data = bytearray(file.read_bytes())
    dataset = record.datasets.get(name)
    data[dataset.offset + dataset.num_bytes // 2 if dataset else 1] ^= 1
    file.write_bytes(data)
    done = repair(path, verify(path))
    assert len(done.clips) == lost
    assert len(done.salvaged) == CLIPS - lost
    assert verify(path).findings == ()
    assert {line.clip for line in diff(path, large, exact=True)} == set(done.clips)
    assert (done.aside / record.file).read_bytes() == data, "the damaged file is kept"
    assert set(CacheReader(path).records[0].content.sources) == set(done.salvaged)


def test_half_a_shard_keeps_the_clips_that_are_whole_in_it(large, tmp_path) -> None:
    """The clip-level arrays stand behind the frames here: without them nothing is kept, and nothing invented."""
    path = tmp_path / "c"
    shutil.copytree(large, path)
    [record] = CacheReader(path).records
    file = path / "shards" / record.file
    file.write_bytes(file.read_bytes()[: record.num_bytes // 2])
    done = repair(path, verify(path))
    assert (len(done.clips), done.salvaged) == (CLIPS, ())
    assert list(CacheReader(path)) == []


def test_values_that_are_not_finite_are_not_kept(tmp_path, recipe, fields, make_clip) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("cache.shards.arrays.check_clip", lambda *_: None)
        clip = make_clip("bad")
        clip.frames["vad"][1, 2] = np.nan
        CacheWriter.open(tmp_path / "c", recipe, fields).commit([make_clip("a"), clip])
    done = repair(tmp_path / "c", verify(tmp_path / "c"))
    assert (done.clips, done.salvaged) == (("bad",), ("a",))


def test_a_shard_of_another_recipe_is_not_kept(tmp_path, make_cache, make_clip, recipe, smuggle) -> None:
    make_cache(tmp_path / "c", shards=1)
    record = smuggle(tmp_path / "c", make_clip("zzz"), recipe=recipe | {"weights_sha256": "f" * 64})
    assert salvage(tmp_path / "c", record) == ()
    done = repair(tmp_path / "c", verify(tmp_path / "c"))
    assert (done.clips, done.salvaged, done.shards) == (("zzz",), (), (record.name,))
    assert verify(tmp_path / "c").findings == ()


def test_clips_that_another_shard_holds_are_left_to_it(tmp_path, make_cache, make_clip, smuggle) -> None:
    written = make_cache(tmp_path / "c", shards=1)
    record = smuggle(tmp_path / "c", make_clip("0/00000", 30), make_clip("new"))
    file = tmp_path / "c" / "shards" / record.file
    data = bytearray(file.read_bytes())
    data[1] ^= 1
    file.write_bytes(data)
    done = repair(tmp_path / "c", verify(tmp_path / "c"))
    assert (done.clips, done.outdated, done.salvaged) == (("0/00000",), ("0/00000",), ("new",))
    assert CacheReader(tmp_path / "c").num_frames("0/00000") == written["0/00000"].num_frames
