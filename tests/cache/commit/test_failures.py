"""The ledger of failures: the latest reason of every clip that is not committed."""

from __future__ import annotations

from cache import CacheWriter
from cache.commit.failures import Failure, damaged_lines, read_failures


def test_the_ledger_lists_the_latest_reason_until_the_clip_is_committed(tmp_path, recipe, fields) -> None:
    first, second = (CacheWriter.open(tmp_path, recipe, fields) for _ in range(2))
    first.fail(Failure("00001", "00001.mp3", "decode", "unreadable", "old", time=1.0))
    second.fail(Failure("00001", "00001.mp3", "decode", "damaged", "new", time=2.0))
    second.fail(Failure("00002", "00002.mp3", "decode", "too_short", "x", time=3.0))
    with next((tmp_path / "failures").iterdir()).open("a") as file:
        file.write('{"clip_id": "cut sho')
    assert [failure.message for failure in read_failures(tmp_path, set())] == ["new", "x"]
    assert [failure.clip_id for failure in read_failures(tmp_path, {"00002"})] == ["00001"]
    assert damaged_lines(tmp_path) == {}, "a line that was cut short is no damage"


def test_a_damaged_line_is_no_entry_and_is_counted(tmp_path, recipe, fields) -> None:
    writer = CacheWriter.open(tmp_path, recipe, fields)
    for clip_id in ("00001", "00002"):
        writer.fail(Failure(clip_id, "x.mp3", "decode", "unreadable", "a\u2028b", time=1.0))
    [path] = (tmp_path / "failures").iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"00001", b"00003"))
    assert [failure.clip_id for failure in read_failures(tmp_path, set())] == ["00002"]
    assert damaged_lines(tmp_path) == {path.name: 1}
    for end in (b"", b"\x0b"):  # the last newline is missing, or has a flipped bit
        path.write_bytes(whole[:-1] + end)
        assert [failure.clip_id for failure in read_failures(tmp_path, set())] == ["00001", "00002"]
    old = b'{"clip_id": "a", "path": "", "stage": "decode", "reason": "damaged", "message": "", "time": 2}\n'
    path.write_bytes(old)
    assert [failure.reason for failure in read_failures(tmp_path, set())] == ["damaged"]
