"""A shard gets its name unless a sound one has it; a damaged one there is set aside."""

from __future__ import annotations

from cache import CacheWriter
from cache.commit.publish import publish
from cache.format.schema import ROW_CRC
from cache.shards.arrays import shard_arrays
from cache.shards.registry import get_store


def test_what_stands_there_is_taken_if_it_is_sound_and_set_aside_if_not(
    tmp_path, recipe, fields, make_clip
) -> None:
    record = CacheWriter.open(tmp_path, recipe, fields).commit([make_clip("a")])
    store, final = get_store("hdf5"), tmp_path / "shards" / record.file
    shard = shard_arrays([make_clip("a")], fields).with_row_checksums()
    final.with_suffix(".json").unlink()
    found = publish(tmp_path, store, final, shard, record.content)
    assert (found.content, found.stored.checksum) == (record.content, record.checksum)
    data = bytearray(final.read_bytes())
    data[record.datasets["global_mean/vad"].offset] ^= 1  # no frame: only the shard's own account tells
    final.write_bytes(data)
    assert publish(tmp_path, store, final, shard, record.content) is None
    assert [path.name for path in (tmp_path / "damaged").glob("*/*")] == [record.file]
    made = publish(tmp_path, store, final, shard, record.content)
    assert made.stored.datasets[ROW_CRC].shape == (1,)
    assert final.exists()
