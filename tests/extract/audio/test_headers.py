"""What files say about themselves: once a file, in several threads, and without decoding."""

from __future__ import annotations

import pytest

from extract.audio import headers
from extract.audio.headers import Header, header_of, read_header, read_headers
from extract.errors import ClipError
from extract.sources.clips import Sound


def test_a_header_says_what_the_file_is(tmp_path, voice, write_media) -> None:
    path = write_media(tmp_path / "x.flac", voice(1.5, 44_100, 2), 44_100)
    assert read_header(path) == Header("flac", "pcm_16", 44_100, 2, 1.5, 1.5)


def test_every_file_is_read_once_and_one_that_cannot_be_stands_with_its_reason(
    tmp_path, voice, write_media, monkeypatch
) -> None:
    good = write_media(tmp_path / "good.wav", voice(0.5))
    (tmp_path / "bad.wav").write_bytes(b"")
    opened, done = [], []
    plain = headers.open_sound
    monkeypatch.setattr(headers, "open_sound", lambda path, *more: opened.append(path) or plain(path, *more))
    sounds = [Sound(good), Sound(tmp_path / "bad.wav"), Sound(good)]
    read = read_headers(sounds, 2, lambda number, total: done.append((number, total)))
    assert sorted(opened) == sorted({sound.path for sound in sounds})
    assert done == [(1, 2), (2, 2)]
    assert isinstance(read[Sound(good)], Header)
    assert read[Sound(tmp_path / "bad.wav")].reason == "unreadable"


def test_a_header_that_cannot_be_read_is_a_value(tmp_path) -> None:
    error = header_of(Sound(tmp_path / "gone.wav"))
    assert isinstance(error, ClipError)
    assert error.reason == "not_found"


def test_a_stop_while_headers_are_read_ends_the_reading(tmp_path, voice, write_media) -> None:
    path = write_media(tmp_path / "x.wav", voice(0.5))

    def stop(_done: int, _total: int) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        read_headers([Sound(path)], 1, stop)
