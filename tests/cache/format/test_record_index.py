"""The index of records says what the records say, field by field; a damaged or foreign one is no index."""

from __future__ import annotations

import dataclasses

import pytest

from cache.common.errors import DamagedCacheError
from cache.format import catalog
from cache.format.index_bytes import from_bytes, to_bytes
from cache.format.record_index import IndexedRecord, RecordStat

STAT = RecordStat(1, 2)


def indexed(with_all_kinds):
    records = catalog.read_records(with_all_kinds)
    stats = {record.name: STAT for record in records}
    index = from_bytes(to_bytes(records, stats))
    return records, index, index.records(stats)


def test_every_field_is_that_of_the_record(with_all_kinds) -> None:
    records, _, found = indexed(with_all_kinds)
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


def test_an_index_made_of_an_index_is_the_same(with_all_kinds) -> None:
    records, _, found = indexed(with_all_kinds)
    stats = {record.name: STAT for record in records}
    assert to_bytes([found[record.name] for record in records], stats) == to_bytes(records, stats)


def test_who_may_hold_a_clip_is_found_by_search(with_all_kinds) -> None:
    records, index, _ = indexed(with_all_kinds)
    found = index.shards_of(["ü/0", "alone", "nobody"])
    holders = {clip_id: {index.names[shard] for shard in shards} for clip_id, shards in found.items()}
    assert holders["ü/0"] == {record.name for record in records if "ü/0" in record.clip_ids}
    assert len(holders["ü/0"]) == 2
    assert len(holders["alone"]) == 1
    assert holders["nobody"] == set()


def test_an_entry_counts_only_for_the_record_it_is_of(with_all_kinds) -> None:
    records, index, _ = indexed(with_all_kinds)
    name = records[0].name
    assert index.records({name: STAT}).keys() == {name}
    assert index.records({name: RecordStat(1, 3)}) == {}


def test_arrays_that_cannot_be_are_refused(with_all_kinds) -> None:
    """Whoever makes an index can give it the right checksum."""
    records = catalog.read_records(with_all_kinds)
    name, dataset = next(iter(records[0].datasets.items()))
    for wrong in (
        dataclasses.replace(dataset, offset=1 << 40),
        dataclasses.replace(dataset, shape=(dataset.shape[0] + 1, *dataset.shape[1:])),
        dataclasses.replace(dataset, dtype="|O"),
    ):
        forged = dataclasses.replace(records[0], datasets={**records[0].datasets, name: wrong})
        index = from_bytes(to_bytes([forged], {forged.name: STAT}))
        [found] = index.records({forged.name: STAT}).values()
        with pytest.raises(DamagedCacheError, match="remove the file"):
            _ = found.datasets
