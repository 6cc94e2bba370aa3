"""Headers that were read are not read again, unless their file has changed; nothing in the log is trusted."""

from __future__ import annotations

import os

import pytest

from cache.common.progress import silent
from extract.audio import header_log
from extract.audio.header_log import FILE, HeaderLog
from extract.audio.headers import read_headers
from extract.audio.rules import CURRENT, FIRST
from extract.errors import ClipError
from extract.run.stopping import Stopped
from extract.sources.clips import Sound


@pytest.fixture
def sounds(tmp_path, voice, write_media, monkeypatch) -> list[Sound]:
    monkeypatch.setattr(header_log, "MIN_FILES", 3)
    (tmp_path / "c").mkdir()
    good = [write_media(tmp_path / f"{number}ü.wav", voice(0.1 + number / 50)) for number in range(6)]
    (tmp_path / "bad.wav").write_text("this is text\n" * 30)
    return [Sound(path) for path in [*good, tmp_path / "bad.wav"]] + [Sound(good[0], 0)]


@pytest.fixture
def read(monkeypatch) -> list[Sound]:
    """Which files are read."""
    asked, plain = [], header_log.header_of
    monkeypatch.setattr(
        header_log, "header_of", lambda sound, rules: asked.append(sound) or plain(sound, rules)
    )
    return asked


def test_what_was_read_is_remembered_and_equal(tmp_path, sounds, read) -> None:
    expected = read_headers(sounds, 2, silent)
    log = HeaderLog(tmp_path / "c", CURRENT)
    first = log.read_headers(sounds, 2, silent)
    assert len(read) == len(sounds)
    read.clear()
    again = HeaderLog(tmp_path / "c", CURRENT).read_headers(sounds, 2, silent)
    assert [sound.path.name for sound in read] == ["bad.wav"], "what failed is tried again"
    for headers in (first, again):
        assert headers.keys() == expected.keys()
        assert all(isinstance(expected[s], ClipError) or headers[s] == expected[s] for s in sounds)
    log.remove()
    assert not (tmp_path / "c" / FILE).exists()


def test_a_stop_loses_nothing_that_was_read(tmp_path, sounds, read) -> None:
    def stop(done: int, _total: int) -> None:
        if done == 4:
            raise Stopped

    with pytest.raises(Stopped):
        HeaderLog(tmp_path / "c", CURRENT).read_headers(sounds, 1, stop)
    read.clear()
    done = []
    HeaderLog(tmp_path / "c", CURRENT).read_headers(sounds, 1, lambda *progress: done.append(progress))
    assert len(read) == len(sounds) - 4
    assert done[0] == (5, len(sounds)), "what is known counts as done"


def test_another_file_or_another_rule_is_read_anew(tmp_path, sounds, read) -> None:
    HeaderLog(tmp_path / "c", CURRENT).read_headers(sounds[:6], 2, silent)
    read.clear()
    os.utime(sounds[2].path, ns=(1, 1))
    HeaderLog(tmp_path / "c", CURRENT).read_headers(sounds[:6], 2, silent)
    assert read == [sounds[2]]
    read.clear()
    HeaderLog(tmp_path / "c", FIRST).read_headers(sounds[:6], 2, silent)
    assert sorted(read) == sorted(sounds[:6])


def test_a_damaged_log_costs_the_lines_that_are_damaged(tmp_path, sounds, read) -> None:
    path = tmp_path / "c" / FILE
    HeaderLog(tmp_path / "c", CURRENT).read_headers(sounds[:6], 2, silent)
    data = path.read_bytes()
    path.write_bytes(data.replace(b'"seconds": 0.12', b'"seconds": 9.12')[:-20] + b"\xff\n[1]\n{}\n")
    read.clear()
    headers = HeaderLog(tmp_path / "c", CURRENT).read_headers(sounds[:6], 2, silent)
    assert sorted(read) == [sounds[1], sounds[5]]
    assert headers == read_headers(sounds[:6], 2, silent)


def test_few_files_leave_no_log_and_a_link_is_not_followed(tmp_path, sounds) -> None:
    HeaderLog(tmp_path / "c", CURRENT).read_headers(sounds[:2], 2, silent)
    assert not (tmp_path / "c" / FILE).exists()
    (tmp_path / "c" / FILE).symlink_to(tmp_path / "elsewhere")
    assert len(HeaderLog(tmp_path / "c", CURRENT).read_headers(sounds[:6], 2, silent)) == 6
    assert not (tmp_path / "elsewhere").exists()
