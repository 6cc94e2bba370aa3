"""The ledger of failures: the latest reason of every clip that is not committed."""

from __future__ import annotations

from cache import CacheWriter
from cache.commit.failures import Failure, read_failures


def test_the_ledger_lists_the_latest_reason_until_the_clip_is_committed(tmp_path, recipe, fields) -> None:
    first, second = (CacheWriter.open(tmp_path, recipe, fields) for _ in range(2))
    first.fail(Failure("00001", "00001.mp3", "decode", "unreadable", "old", time=1.0))
    second.fail(Failure("00001", "00001.mp3", "decode", "damaged", "new", time=2.0))
    second.fail(Failure("00002", "00002.mp3", "decode", "too_short", "x", time=3.0))
    with next((tmp_path / "failures").iterdir()).open("a") as file:
        file.write('{"clip_id": "cut sho')
    assert [failure.message for failure in read_failures(tmp_path, set())] == ["new", "x"]
    assert [failure.clip_id for failure in read_failures(tmp_path, {"00002"})] == ["00001"]
