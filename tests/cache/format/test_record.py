"""A commit record reads back as it was written, quickly, and is trusted in nothing."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace

import pytest

from cache import CacheWriter
from cache.common.errors import DamagedCacheError, FormatVersionError
from cache.format import own_checksum
from cache.format.record import CommitRecord, versions


@pytest.fixture
def record(tmp_path, recipe, fields, make_clip) -> CommitRecord:
    return CacheWriter.open(tmp_path, recipe, fields).commit([make_clip("a"), make_clip("ä/b", 9)])


def test_a_record_reads_back_as_it_was_written(record) -> None:
    data = record.to_bytes()
    assert CommitRecord.from_bytes(data, f"shards/{record.name}.json") == record
    assert CommitRecord.from_bytes(data, f"shards\\{record.name}.json").to_bytes() == data


def test_a_record_of_400_clips_loads_in_some_times_what_its_json_takes(
    tmp_path, recipe, fields, make_clip
) -> None:
    """In turns, so that a busy machine slows down both: about a millisecond on a quiet one."""
    record = CacheWriter.open(tmp_path, recipe, fields).commit([make_clip(f"{n:05}", 3) for n in range(400)])
    data, ratios = record.to_bytes(), []
    for _ in range(15):
        begun = time.process_time()
        json.loads(data)
        between = time.process_time()
        CommitRecord.from_bytes(data, f"{record.name}.json")
        ratios.append((time.process_time() - between) / (between - begun))
    assert min(ratios) < 20, ratios


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"name": "other-0"}, "it names the shard 'other-0'"),
        ({"file": "x.h5"}, "it points to the file 'x.h5'"),
        ({"num_frames": (7,)}, "clip ids and frame counts do not match"),
        ({"clip_ids": ("a", "a")}, "clip ids and frame counts do not match"),
        ({"clip_ids": ("a", "../b")}, "'../b' is no clip id"),
        ({"num_frames": (7, 0)}, "a clip without frames"),
        ({"num_frames": (7, 8)}, "expected 15 rows"),
        ({"num_bytes": 100}, "of 100"),
    ],
)
def test_what_contradicts_itself_is_said(record, changes, says) -> None:
    with pytest.raises(DamagedCacheError, match=f"{says}.*emi-cache verify"):
        CommitRecord.from_bytes(replace(record, **changes).to_bytes(), f"{record.name}.json")


def test_a_later_version_is_named(record) -> None:
    document = json.loads(record.to_bytes()) | {"format_version": 2}
    document.pop("crc32c")
    data = own_checksum.to_bytes(document)
    with pytest.raises(FormatVersionError, match="format version 2 is unknown"):
        CommitRecord.from_bytes(data, f"{record.name}.json")


def test_of_two_values_the_later_generation_counts_then_the_later_source(record) -> None:
    later = replace(record, content=replace(record.content, generation=1))
    newer_source = replace(record.content.sources["a"], mtime_ns=6)
    newer = replace(record, content=replace(record.content, sources={"a": newer_source}))
    assert later.priority("a") > newer.priority("a") > record.priority("a")


def test_versions_are_those_of_libraries_that_are_loaded(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "soxr", type(sys)("soxr"))
    sys.modules["soxr"].__version__ = "9.9"
    monkeypatch.delitem(sys.modules, "av", raising=False)
    assert versions()["soxr"] == "9.9"
    assert "numpy" in versions()
    assert "av" not in versions()


def test_notes_on_clips_are_kept_and_a_record_without_any_is_as_it_was(
    tmp_path, recipe, fields, make_clip, record
) -> None:
    assert b"notes" not in record.to_bytes() + record.content.to_bytes({})
    odd = replace(make_clip("odd"), notes={"channels": "0 of 2", "mix_lost_db": 35.5, "changes": 2})
    noted = CacheWriter.open(tmp_path / "c", recipe, fields).commit([odd, make_clip("even")])
    assert noted.content.notes == {"odd": odd.notes}
    assert CommitRecord.from_bytes(noted.to_bytes(), f"{noted.name}.json") == noted
    for wrong in ({"odd": {"channels": [0]}}, {"odd": "text"}, ["odd"]):
        data = json.dumps({**json.loads(noted.to_bytes()), "notes": wrong}).encode()
        with pytest.raises(DamagedCacheError):
            CommitRecord.from_bytes(data, f"{noted.name}.json")
