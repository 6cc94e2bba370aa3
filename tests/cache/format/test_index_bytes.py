"""The bytes of an index: whole or none, whoever has written or damaged them."""

from __future__ import annotations

import dataclasses

import google_crc32c
import pytest

from cache.format import catalog, index_bytes, own_checksum
from cache.format.index_bytes import from_bytes, to_bytes
from cache.format.record_index import RecordStat

STAT = RecordStat(1, 2)


def test_every_flipped_byte_is_seen(with_all_kinds) -> None:
    records = catalog.read_records(with_all_kinds)
    data = to_bytes(records, {record.name: STAT for record in records})
    for position in range(0, len(data), 7):
        damaged = bytearray(data)
        damaged[position] ^= 4
        with pytest.raises((ValueError, KeyError, TypeError)):
            from_bytes(bytes(damaged))
    for end in (0, 10, len(data) // 2, len(data) - 1):
        with pytest.raises((ValueError, KeyError, TypeError)):
            from_bytes(data[:end])


@pytest.mark.parametrize(
    ("before", "after"),
    [(b".h5", b"/h5"), (b"alone\0", b"../ne\0"), (b"alone\0", b"al\nne\0")],
)
def test_a_foreign_index_leads_nowhere_else(with_all_kinds, before, after) -> None:
    """Whoever makes an index can give it the right checksum; it still names no files and ids that may not be."""
    records = catalog.read_records(with_all_kinds)
    data = to_bytes(records, {record.name: STAT for record in records})
    end = data.index(b"\n", len(index_bytes.MAGIC)) + 1
    header, _ = own_checksum.from_bytes(data[len(index_bytes.MAGIC) : end])
    body = data[end:].replace(before, after)
    header = {key: value for key, value in header.items() if key != "crc32c"}
    forged = own_checksum.to_bytes({**header, "body_crc32c": google_crc32c.value(body)})

    def use() -> None:
        index = from_bytes(index_bytes.MAGIC + forged + body)
        for record in index.records(dict.fromkeys(index.names, STAT)).values():
            assert record.clip_ids

    with pytest.raises((ValueError, KeyError, TypeError)):
        use()


def test_what_it_cannot_hold_is_left_out(with_all_kinds) -> None:
    records = catalog.read_records(with_all_kinds)
    record = next(record for record in records if record.content.sources)
    sources = {
        clip_id: dataclasses.replace(stat, path="a\0b") for clip_id, stat in record.content.sources.items()
    }
    odd = dataclasses.replace(record, content=dataclasses.replace(record.content, sources=sources))
    others = [one for one in records if one is not record]
    index = from_bytes(to_bytes([odd, *others], {one.name: STAT for one in records}))
    assert set(index.names) == {one.name for one in others}
