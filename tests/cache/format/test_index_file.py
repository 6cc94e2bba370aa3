"""The index's file: kept by writers, believed only as far as it fits the records, never needed."""

from __future__ import annotations

import json
import os
import time

import numpy as np
import pytest

from cache import CacheReader, CacheWriter, ClipFeatures, FrameField, verify
from cache.common.errors import DamagedCacheError, DuplicateClipError
from cache.format import catalog, index_file
from cache.format.index_file import FILE
from cache.format.record_index import IndexedRecord

FIELD = FrameField("vad", 3, np.dtype(np.float32))


def clip(clip_id: str, value: float = 0.5) -> ClipFeatures:
    frames = np.full((4, 3), value, np.float32)
    return ClipFeatures(clip_id, {"vad": frames}, {"vad": frames[0]}, 1280, -20.0, "0" * 64, {})


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A cache of six shards that has an index."""
    monkeypatch.setattr(index_file, "MIN_SHARDS", 4)
    monkeypatch.setattr(index_file, "SETTLED_SECONDS", -60.0)
    writer = open_writer(tmp_path / "c")
    for number in range(6):
        writer.commit([clip(f"{number}"), clip(f"{number}b")])
    assert index_file.keep(tmp_path / "c", catalog.read_records(tmp_path / "c"))
    return tmp_path / "c"


def open_writer(path) -> CacheWriter:
    return CacheWriter.open(path, {"model": "m"}, [FIELD])


def kinds(folder) -> list[bool]:
    return [isinstance(record, IndexedRecord) for record in catalog.read_records(folder)]


def test_a_reader_finds_the_same_with_and_without(folder) -> None:
    with CacheReader(folder) as reader:
        ids, values = reader.clip_ids, [reader[clip_id].frames["vad"] for clip_id in reader.clip_ids]
        assert all(isinstance(record, IndexedRecord) for record in reader.records)
    (folder / FILE).unlink()
    with CacheReader(folder) as reader:
        assert reader.clip_ids == ids
        np.testing.assert_array_equal([reader[clip_id].frames["vad"] for clip_id in ids], values)
    assert verify(folder).findings == ()


def test_what_is_new_or_changed_is_read_from_its_record(folder) -> None:
    open_writer(folder).commit([clip("new")])
    name = catalog.read_records(folder)[0].name
    os.utime(folder / "shards" / f"{name}.json", ns=(1, 1))
    assert sorted(kinds(folder)) == [False, False, True, True, True, True, True]
    assert "new" in CacheReader(folder)


def test_a_damaged_index_is_passed_over_and_made_again(folder) -> None:
    whole = (folder / FILE).read_bytes()
    for data in (
        b"",
        b"nonsense",
        whole[:-1],
        whole.replace(b"vad", b"vax"),
        whole[:60] + b"\0" + whole[61:],
    ):
        (folder / FILE).write_bytes(data)
        assert len(CacheReader(folder)) == 12
    assert not any(kinds(folder))
    open_writer(folder).plan({"more": 4})
    assert (folder / FILE).read_bytes() == whole


def test_a_link_in_its_place_is_not_followed(folder, tmp_path) -> None:
    (folder / FILE).rename(tmp_path / "elsewhere")
    (folder / FILE).symlink_to(tmp_path / "elsewhere")
    assert not any(kinds(folder))
    before = (tmp_path / "elsewhere").read_bytes()
    assert index_file.keep(folder, catalog.read_records(folder))
    assert not (folder / FILE).is_symlink()
    assert (tmp_path / "elsewhere").read_bytes() == before


def test_it_is_kept_only_where_it_saves_something(folder, monkeypatch) -> None:
    records = catalog.read_records(folder)
    assert not index_file.keep(folder, records), "nothing is missing in it"
    monkeypatch.setattr(index_file, "MIN_SHARDS", 7)
    assert not any(kinds(folder)), "few records are read as fast"
    monkeypatch.setattr(index_file, "MIN_SHARDS", 4)
    (folder / FILE).unlink()
    monkeypatch.setattr(index_file, "SETTLED_SECONDS", 60.0)
    assert not index_file.keep(folder, records), "records this young may still change"


def test_a_folder_that_cannot_be_written_stays_as_it_is(folder, monkeypatch) -> None:
    (folder / FILE).unlink()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("cache.common.durable.write_durable", full)
    assert not index_file.keep(folder, catalog.read_records(folder))
    assert not list(folder.glob("*.tmp"))


def test_a_writer_knows_who_holds_what_by_the_index(folder, monkeypatch) -> None:
    read = []
    plain = catalog.read_record
    monkeypatch.setattr(catalog, "read_record", lambda path: read.append(path.name) or plain(path))
    writer = open_writer(folder)
    assert writer.generations(["0", "5b", "other"]) == {"0": 0, "5b": 0}
    with pytest.raises(DuplicateClipError, match="clip 3 stands in shard"):
        writer.commit([clip("3")])
    assert not read, "not one record was read"
    other = open_writer(folder)
    record = writer.commit([clip("x")])
    assert record is not None
    with pytest.raises(DuplicateClipError, match=f"clip x stands in shard {record.name}"):
        other.commit([clip("x"), clip("y")])


def test_a_shard_taken_away_is_held_by_nobody(folder) -> None:
    writer = open_writer(folder)
    assert writer.generations(["0"])
    for path in (folder / "shards").iterdir():
        if path.suffix == ".json" and "0" in json.loads(path.read_text())["clip_ids"]:
            path.unlink()
            path.with_suffix(".h5").unlink()
    time.sleep(0.01)
    assert writer.commit([clip("0", 0.75)]) is not None
    assert CacheReader(folder)["0"].frames["vad"][0, 0] == 0.75


@pytest.fixture
def behind_url(bucket, monkeypatch):
    """A cache of six shards behind a URL, which a writer has opened once more."""
    monkeypatch.setattr(index_file, "MIN_SHARDS_BY_URL", 4)
    writer = open_writer(bucket / "c")
    for number in range(6):
        writer.commit([clip(f"{number}"), clip(f"{number}b")])
    open_writer(bucket / "c").plan({"more": 4})
    return bucket / "c"


def test_behind_a_url_tags_say_which_records_it_is_of(behind_url) -> None:
    assert kinds(behind_url) == [True] * 6
    assert verify(behind_url).findings == ()
    with CacheReader(behind_url) as reader:
        assert reader["3b"].frames["vad"][0, 0] == 0.5
    storage = behind_url.storage
    name = f"shards/{catalog.read_records(behind_url)[0].name}.json"
    data = storage.read(name).data
    storage.replace_if_match(name, None, data)
    assert kinds(behind_url) == [True] * 6, "the same bytes are the same record"
    changed = data.replace(b'"generation": 0', b'"generation": 1')
    assert len(changed) == len(data)
    storage.replace_if_match(name, None, changed)  # of the same size, within the same instant
    with pytest.raises(DamagedCacheError, match="checksum"):
        catalog.read_records(behind_url)
    storage.delete(name)
    assert kinds(behind_url) == [True] * 5
    open_writer(behind_url).commit([clip("new")])
    assert sorted(kinds(behind_url)) == [False, *[True] * 5]


def test_opening_by_url_takes_the_same_requests_whatever_the_number_of_shards(
    behind_url, s3_server, bench
) -> None:
    writer = open_writer(behind_url)
    for number in range(6, 12):
        writer.commit([clip(f"{number}"), clip(f"{number}b")])
    open_writer(behind_url).plan({"more": 4})
    stores = bench("object_stores")
    proxy = stores.Proxy(s3_server.port)
    with stores.lead_to(proxy.port):
        assert kinds(behind_url) == [True] * 12
        writer = open_writer(behind_url)
        before = proxy.requests
        assert writer.generations(["0", "5b", "other"]) == {"0": 0, "5b": 0}
        assert proxy.requests - before <= 9, "index, journals and lists, not one record"
    proxy.close()


def test_a_damaged_index_behind_a_url_is_passed_over_and_made_again(behind_url) -> None:
    whole = behind_url.storage.read(FILE).data
    behind_url.storage.replace_if_match(FILE, None, whole[:60] + b"\0" + whole[61:])
    assert not any(kinds(behind_url))
    open_writer(behind_url).plan({"more": 4})
    assert behind_url.storage.read(FILE).data == whole


def test_a_store_without_tags_has_its_records_read(behind_url, monkeypatch) -> None:
    from cache.common.storage import remote

    plain = remote._entry
    monkeypatch.setattr(remote, "_entry", lambda *given: plain(*given)._replace(tag=""))
    assert kinds(behind_url) == [False] * 6
