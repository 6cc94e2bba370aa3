"""The index of records says what the records say, field by field; a damaged or foreign one is no index."""

from __future__ import annotations

import dataclasses

import pytest

from cache import CacheWriter, ClipFeatures
from cache.common.errors import DamagedCacheError
from cache.format import catalog, index_file, own_checksum, record_index
from cache.format.record_index import IndexedRecord, RecordStat, from_bytes, to_bytes

STAT = RecordStat(1, 2)


@pytest.fixture
def folder(tmp_path, fields, features):
    """A cache with everything a record may say: failures, notes, a replacement, clips without a source."""
    writer = CacheWriter.open(tmp_path / "c", {"model": "m"}, fields, shard_mb=0.001)
    planned = {f"ü/{number}": 5 for number in range(6)}
    for plan in writer.plan(planned):
        made = [
            dataclasses.replace(
                features(clip_id, 5), source=f"a/{clip_id}.wav", source_bytes=7, source_mtime_ns=9
            )
            for clip_id in list(plan.planned)[:-1]
        ]
        made[0] = dataclasses.replace(made[0], notes={"audio_streams": 2, "channels": "1 of 2"})
        writer.commit(made, plan)
    [first, *_] = writer.plan(planned, replace=["ü/0"])
    writer.commit(
        [features("ü/0", 5)], next(p for p in writer.plan(planned, replace=["ü/0"]) if p.supersedes)
    )
    writer.commit([features("alone", 3)])
    assert first
    return tmp_path / "c"


@pytest.fixture
def fields():
    import numpy as np

    from cache import FrameField

    return [FrameField("vad", 3, np.dtype(np.float32))]


@pytest.fixture
def features():
    import numpy as np

    def make(clip_id: str, frames: int) -> ClipFeatures:
        values = np.full((frames, 3), 0.25, np.float32)
        return ClipFeatures(clip_id, {"vad": values}, {"vad": values[0]}, 320 * frames, -20.0, "0" * 64, {})

    return make


def read(folder):
    return lambda name: catalog.read_record(folder / "shards" / f"{name}.json")


def indexed(folder):
    records = catalog.read_records(folder)
    stats = {record.name: STAT for record in records}
    index = from_bytes(to_bytes(records, stats), read(folder))
    return records, index, index.records(stats)


def test_every_field_is_that_of_the_record(folder) -> None:
    records, _, found = indexed(folder)
    assert len(records) >= 3
    assert any(record.content.supersedes for record in records)
    assert any(record.content.notes for record in records)
    assert any(record.content.planned.keys() - set(record.clip_ids) for record in records)
    for record in records:
        other = found[record.name]
        assert isinstance(other, IndexedRecord)
        for each in dataclasses.fields(record):
            if each.name != "content":
                assert getattr(other, each.name) == getattr(record, each.name), each.name
        for each in dataclasses.fields(record.content):
            assert getattr(other.content, each.name) == getattr(record.content, each.name), each.name
        assert other.to_bytes() == record.to_bytes()
        assert other.priority(record.clip_ids[0]) == record.priority(record.clip_ids[0])


def test_an_index_made_of_an_index_is_the_same(folder) -> None:
    records, _, found = indexed(folder)
    stats = {record.name: STAT for record in records}
    assert to_bytes([found[record.name] for record in records], stats) == to_bytes(records, stats)


def test_who_may_hold_a_clip_is_found_by_search(folder) -> None:
    records, index, _ = indexed(folder)
    found = index.shards_of(["ü/0", "alone", "nobody"])
    holders = {clip_id: {index.names[shard] for shard in shards} for clip_id, shards in found.items()}
    assert holders["ü/0"] == {record.name for record in records if "ü/0" in record.clip_ids}
    assert len(holders["ü/0"]) == 2
    assert len(holders["alone"]) == 1
    assert holders["nobody"] == set()


def test_an_entry_counts_only_for_the_record_it_is_of(folder) -> None:
    records, index, _ = indexed(folder)
    name = records[0].name
    assert index.records({name: STAT}).keys() == {name}
    assert index.records({name: RecordStat(1, 3)}) == {}


def test_arrays_come_from_a_record_that_fits(folder) -> None:
    records, _, found = indexed(folder)
    path = folder / "shards" / f"{records[0].name}.json"
    changed = dataclasses.replace(records[0], num_frames=tuple(n + 1 for n in records[0].num_frames))
    path.write_bytes(changed.to_bytes())
    with pytest.raises(DamagedCacheError, match=r"shape|not what"):
        _ = found[records[0].name].datasets


def test_every_flipped_byte_is_seen(folder) -> None:
    records = catalog.read_records(folder)
    data = to_bytes(records, {record.name: STAT for record in records})
    for position in range(0, len(data), 7):
        damaged = bytearray(data)
        damaged[position] ^= 4
        with pytest.raises((ValueError, KeyError, TypeError)):
            from_bytes(bytes(damaged), read(folder))
    for end in (0, 10, len(data) // 2, len(data) - 1):
        with pytest.raises((ValueError, KeyError, TypeError)):
            from_bytes(data[:end], read(folder))


@pytest.mark.parametrize(
    ("before", "after"),
    [(b".h5", b"/h5"), (b"alone\0", b"../ne\0"), (b"alone\0", b"al\nne\0")],
)
def test_a_foreign_index_leads_nowhere_else(folder, before, after) -> None:
    """Whoever makes an index can give it the right checksum; it still names no files and ids that may not be."""
    records = catalog.read_records(folder)
    data = to_bytes(records, {record.name: STAT for record in records})
    end = data.index(b"\n", len(record_index.MAGIC)) + 1
    header, _ = own_checksum.from_bytes(data[len(record_index.MAGIC) : end])
    body = data[end:].replace(before, after)
    import google_crc32c

    header = {key: value for key, value in header.items() if key != "crc32c"}
    forged = own_checksum.to_bytes({**header, "body_crc32c": google_crc32c.value(body)})

    def use() -> None:
        index = from_bytes(record_index.MAGIC + forged + body, read(folder))
        for record in index.records(dict.fromkeys(index.names, STAT)).values():
            assert record.clip_ids

    with pytest.raises((ValueError, KeyError, TypeError)):
        use()


def test_what_it_cannot_hold_is_left_out(folder) -> None:
    records = catalog.read_records(folder)
    record = next(record for record in records if record.content.sources)
    sources = {
        clip_id: dataclasses.replace(stat, path="a\0b") for clip_id, stat in record.content.sources.items()
    }
    odd = dataclasses.replace(record, content=dataclasses.replace(record.content, sources=sources))
    others = [one for one in records if one is not record]
    index = from_bytes(to_bytes([odd, *others], {one.name: STAT for one in records}), read(folder))
    assert set(index.names) == {one.name for one in others}
    assert index_file.load(folder / "shards", catalog.read_record) is None  # none was written
