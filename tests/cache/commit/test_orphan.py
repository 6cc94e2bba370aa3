"""A shard published without its record is recorded if it is sound, and set aside if not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cache import CacheReader, CacheWriter, verify


def test_a_shard_published_without_its_record_gets_the_record_from_what_is_there(
    tmp_path, recipe, fields, make_clip
) -> None:
    writer = CacheWriter.open(tmp_path, recipe, fields)
    record = writer.commit([make_clip("00001", 5)])
    (tmp_path / "shards" / f"{record.name}.json").unlink()
    assert len(CacheReader(tmp_path)) == 0
    louder = replace(make_clip("00001", 5), rms_db=-3.0)
    assert writer.commit([louder]) == record
    assert CacheReader(tmp_path).clip_table("clips/rms_db").tolist() == [-20.0]


def test_a_damaged_file_without_a_record_is_set_aside_not_in_the_way(
    tmp_path, recipe, fields, make_clip
) -> None:
    writer = CacheWriter.open(tmp_path, recipe, fields)
    [plan] = writer.plan({"a": 7})
    (tmp_path / "shards" / f"{plan.name}.h5").write_bytes(b"half a shard, as a power cut may leave it")
    assert writer.commit([make_clip("a")], plan).clip_ids == ("a",)
    assert verify(tmp_path).findings == ()
    assert [path.name for path in (tmp_path / "damaged").glob("*/*")] == [f"{plan.name}.h5"]


@pytest.mark.parametrize("store", ["hdf5", "zarr"])
@pytest.mark.parametrize("kind", ["bit", "other clips"])
def test_what_stands_in_a_shards_place_is_checked_before_it_is_recorded(
    committed_once, tmp_path, recipe, fields, make_clip, store, kind
) -> None:
    writer = CacheWriter.open(tmp_path, recipe, fields, store=store)
    [plan] = writer.plan({"a": 7})
    record = writer.commit([make_clip("a" if kind == "bit" else "zzz")])
    [shard] = [path for path in (tmp_path / "shards").iterdir() if path.suffix != ".json"]
    (tmp_path / "shards" / f"{record.name}.json").unlink()
    shard = shard.rename(shard.with_name(plan.name + shard.suffix))
    if kind == "bit":
        chunk = shard if store == "hdf5" else shard / "frames" / "vad" / "c.0.0"
        data = bytearray(chunk.read_bytes())
        data[(record.datasets["frames/vad"].offset or 0) + 5] ^= 1
        chunk.write_bytes(data)
    found = CacheWriter.open(tmp_path, recipe, fields).commit([make_clip("a")], plan)
    assert found.clip_ids == ("a",)
    committed_once(tmp_path, "a")
    assert len(list((tmp_path / "damaged").iterdir())) == 1
