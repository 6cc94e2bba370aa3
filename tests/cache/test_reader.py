"""What is read is what was committed; anything else is an error that names file and clip."""

from __future__ import annotations

import json
import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from cache import CacheReader
from cache.common.errors import (
    CacheError,
    DamagedCacheError,
    DuplicateClipError,
    FormatVersionError,
    NotACacheError,
    UnknownClipError,
    UnknownFieldError,
)


@pytest.fixture
def cache(tmp_path, make_cache):
    return tmp_path / "c", make_cache(tmp_path / "c")


def shard_files(path: Path, suffix: str) -> list[Path]:
    return sorted((path / "shards").glob(f"*{suffix}"))


def test_every_clip_reads_back(cache) -> None:
    path, written = cache
    reader = CacheReader(path)
    assert set(reader.clip_ids) == set(written)
    for clip_id, clip in written.items():
        read = reader[clip_id]
        np.testing.assert_array_equal(
            read.frames["hidden_states/2"], clip.frames["hidden_states/2"].astype("f2")
        )
        np.testing.assert_array_equal(read.frames["vad"], clip.frames["vad"])
        np.testing.assert_array_equal(
            read.global_mean["hidden_states/2"], clip.global_mean["hidden_states/2"]
        )
        np.testing.assert_array_equal(read.clip["vad"], clip.clip["vad"])
        assert read.clip["source"] == clip.source
        assert reader.num_frames(clip_id) == clip.num_frames


def test_global_means_are_those_before_the_cast(cache) -> None:
    path, written = cache
    reader = CacheReader(path)
    for clip_id, clip in written.items():
        read = reader[clip_id]
        before = clip.frames["hidden_states/2"].mean(axis=0)
        after = read.frames["hidden_states/2"].astype(np.float32).mean(axis=0)
        np.testing.assert_array_equal(read.global_mean["hidden_states/2"], before)
        assert not np.array_equal(read.global_mean["hidden_states/2"], after)


def test_clip_tables_follow_the_order_asked_for(cache) -> None:
    path, written = cache
    reader = CacheReader(path)
    order = [*written][::-1]
    table = reader.clip_table("global_mean/vad", order)
    np.testing.assert_array_equal(table, np.stack([written[i].global_mean["vad"] for i in order]))
    assert reader.clip_table("clips/clip_id", order).tolist() == order
    assert reader.clip_table("clips/duration", order[:1])[0] == pytest.approx(
        written[order[0]].num_samples / 16000
    )


def test_unknown_clips_and_fields_are_named(cache) -> None:
    reader = CacheReader(cache[0])
    with pytest.raises(UnknownClipError, match="'nobody' is not in"):
        reader["nobody"]
    with pytest.raises(UnknownFieldError, match="hidden_states/2, vad"):
        reader.read_frames(reader.clip_ids[0], "hidden_states/12")
    with pytest.raises(UnknownFieldError, match="clips/rms_db"):
        reader.clip_table("clips/loudness")
    with pytest.raises(ValueError, match="C-contiguous"):
        reader.read_into(reader.clip_ids[0], "vad", np.zeros((1, 3), np.float32))


def test_no_cache_and_other_versions_are_one_line(tmp_path, cache, rewrite) -> None:
    with pytest.raises(NotACacheError, match="does not exist"):
        CacheReader(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotACacheError, match=r"holds no cache\.json"):
        CacheReader(tmp_path / "empty")
    rewrite(cache[0] / "cache.json", lambda document: document.update(format_version=2))
    with pytest.raises(FormatVersionError, match="version 2"):
        CacheReader(cache[0])


def test_an_edited_recipe_is_noticed(cache, rewrite) -> None:
    rewrite(cache[0] / "cache.json", lambda document: document["recipe"].update(model="another"))
    with pytest.raises(DamagedCacheError, match="recipe"):
        CacheReader(cache[0])


def test_a_flipped_bit_is_found_on_first_reading(cache) -> None:
    path, written = cache
    record = json.loads(shard_files(path, ".json")[0].read_text())
    file = shard_files(path, ".h5")[0]
    data = bytearray(file.read_bytes())
    data[record["datasets"]["frames/hidden_states/2"]["offset"] + 3] ^= 16
    file.write_bytes(bytes(data))
    reader = CacheReader(path)
    with pytest.raises(DamagedCacheError, match=record["clip_ids"][0]):
        reader[record["clip_ids"][0]]
    other = next(clip_id for clip_id in written if clip_id not in record["clip_ids"])
    reader[other]


def test_a_flipped_bit_in_a_clip_table_is_found(cache) -> None:
    path, _ = cache
    record = json.loads(shard_files(path, ".json")[0].read_text())
    file = shard_files(path, ".h5")[0]
    data = bytearray(file.read_bytes())
    data[record["datasets"]["global_mean/vad"]["offset"]] ^= 1
    file.write_bytes(bytes(data))
    with pytest.raises(DamagedCacheError, match="global_mean/vad"):
        CacheReader(path).clip_table("global_mean/vad")


def test_a_shard_shorter_than_its_record_is_an_error(cache) -> None:
    path, _ = cache
    file = shard_files(path, ".h5")[0]
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(DamagedCacheError, match="promises"):
        read_all(str(path))


def test_a_missing_shard_is_an_error(cache) -> None:
    path, _ = cache
    shard_files(path, ".h5")[0].unlink()
    with pytest.raises(DamagedCacheError, match="No such file"):
        read_all(str(path))


HOSTILE = {
    "file outside": lambda record: record.update(file="../../etc/passwd"),
    "absolute file": lambda record: record.update(file="/etc/passwd"),
    "other name": lambda record: record.update(name="../x"),
    "object dtype": lambda record: record["datasets"]["frames/vad"].update(dtype="|O"),
    "record dtype": lambda record: record["datasets"]["frames/vad"].update(dtype="f4,f4"),
    "huge shape": lambda record: record["datasets"]["frames/vad"].update(shape=[10**15, 3]),
    "huge counts": lambda record: record.update(num_frames=[10**15] * len(record["num_frames"])),
    "negative offset": lambda record: record["datasets"]["frames/vad"].update(offset=-8),
    "offset beyond": lambda record: record["datasets"]["frames/vad"].update(offset=10**12),
    "no clips": lambda record: record.update(clip_ids=[], num_frames=[]),
    "counts missing": lambda record: record.update(num_frames=record["num_frames"][:-1]),
    "a list": lambda record: record.update(datasets=[1, 2]),
    "text for a number": lambda record: record.update(bytes="many"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_record_is_refused(cache, rewrite, kind) -> None:
    path, _ = cache
    rewrite(shard_files(path, ".json")[0], HOSTILE[kind])
    with pytest.raises(CacheError, match=r"\.json"):
        CacheReader(path)


def test_records_that_are_no_json_objects_are_refused(cache) -> None:
    path, _ = cache
    for text in ("", "[]", "{", "null", "\x00" * 50):
        shard_files(path, ".json")[0].write_text(text)
        with pytest.raises(DamagedCacheError):
            CacheReader(path)


def test_a_shard_that_is_a_link_is_refused(cache, tmp_path) -> None:
    path, _ = cache
    file = shard_files(path, ".h5")[0]
    file.rename(tmp_path / "outside.h5")
    file.symlink_to(tmp_path / "outside.h5")
    with pytest.raises(DamagedCacheError, match="never a link"):
        read_all(str(path))


def test_one_id_in_two_shards_names_both(cache, make_clip, smuggle) -> None:
    path, written = cache
    record = smuggle(path, make_clip(next(iter(written)), 30))
    with pytest.raises(DuplicateClipError, match=record.name):
        CacheReader(path)


def read_all(path: str) -> float:
    reader = CacheReader(path)
    return float(sum(reader[clip_id].frames["vad"].sum() for clip_id in reader.clip_ids))


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_read_at_once(cache, method) -> None:
    path, _ = cache
    expected = read_all(str(path))
    context = multiprocessing.get_context(method)
    with context.Pool(2) as pool:
        assert pool.map(read_all, [str(path)] * 4) == [expected] * 4


def test_threads_read_one_reader_at_once(cache) -> None:
    path, written = cache
    reader = CacheReader(path)
    with ThreadPoolExecutor(8) as pool:
        read = list(pool.map(lambda clip_id: reader[clip_id].frames["vad"], [*written] * 30))
    for clip_id, values in zip([*written] * 30, read, strict=True):
        np.testing.assert_array_equal(values, written[clip_id].frames["vad"])


@pytest.mark.parametrize(("store", "library"), [("hdf5", "h5py"), ("zarr", "zarr")])
def test_reading_needs_no_library_of_the_back_end(tmp_path, make_cache, python, store, library) -> None:
    make_cache(tmp_path / "c", store=store)
    code = "import sys; from cache import CacheReader; reader = CacheReader(sys.argv[1])\n"
    code += "print(len([reader[clip_id] for clip_id in reader]), sys.argv[2] in sys.modules)"
    done = python("-c", code, str(tmp_path / "c"), library)
    assert done.stdout.split() == ["6", "False"], done.stderr
