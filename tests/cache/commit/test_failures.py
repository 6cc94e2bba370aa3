"""The ledger of failures: the latest reason of every clip that is not committed."""

from __future__ import annotations

import pytest

from cache import CacheError, CacheWriter
from cache.commit import failures
from cache.commit.failures import Failure, FailureLedger, damaged_lines, read_failures


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


LINE_ENDS = "\u2028\u2029\x85\x0b\x0c\x1c\r\n"


def test_no_character_of_an_id_or_message_cuts_the_ledger(tmp_path) -> None:
    written = [Failure(f"a{sign}b", f"{sign}.wav", "decode", "damaged", f"m{sign}n") for sign in LINE_ENDS]
    written.append(Failure("name\udcff", "name\udcff.wav", "decode", "damaged", "not UTF-8"))
    ledger = FailureLedger(tmp_path)
    for failure in written:
        ledger.add(failure)
    path = next((tmp_path / "failures").iterdir())
    assert len(path.read_bytes().splitlines()) == len(path.read_text("utf-8").splitlines()) == len(written)
    assert read_failures(tmp_path, set()) == sorted(written, key=lambda failure: failure.clip_id)


def test_a_ledger_of_an_earlier_version_which_has_them_as_they_are_is_read_whole(tmp_path) -> None:
    (tmp_path / "failures").mkdir()
    line = (
        '{"clip_id": "%d", "path": "", "stage": "", "reason": "", "message": "a\u2028b\x85c", "time": 1.0}\n'
    )
    (tmp_path / "failures" / "a.jsonl").write_text("".join(line % number for number in range(4)), "utf-8")
    assert [failure.message for failure in read_failures(tmp_path, set())] == ["a\u2028b\x85c"] * 4


def test_there_is_a_bound_to_what_is_kept_in_memory(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(failures, "MAX_ENTRIES", 3)
    ledger = FailureLedger(tmp_path)
    for number in range(4):
        ledger.add(Failure(str(number), "", "decode", "damaged", ""))
    with pytest.raises(CacheError, match="more than 3 failed clips"):
        read_failures(tmp_path, set())
    assert len(read_failures(tmp_path, {"0"})) == 3


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
