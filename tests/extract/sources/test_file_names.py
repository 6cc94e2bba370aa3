"""File names that do not print are written in letters that do."""

from __future__ import annotations

import os

import pytest

from extract.sources.file_names import bad_name, readable, shown_path


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"sub/\xc3\xbc 1.wav", "sub/ü 1.wav"),
        (b"caf\xe9.wav", r"caf\xe9.wav"),
        (b"a\nb\x1b[2J\xe2\x80\xa8\xc2\x9b.wav", r"a\nb\x1b[2J\u2028\x9b.wav"),
        (b"\xed\xb3\xa9.wav", r"\xed\xb3\xa9.wav"),
    ],
)
def test_a_name_can_be_printed_and_stored(name, shown) -> None:
    assert readable(os.fsdecode(name)) == shown
    shown.encode()


def test_half_a_pair_of_surrogates_can_be_printed_too() -> None:
    assert readable("a\ud800b") == r"a\ud800b"


def test_a_bad_name_says_what_is_wrong_with_it(tmp_path) -> None:
    path = tmp_path / os.fsdecode(b"\xff") / "x.wav"
    failure = bad_name(path, tmp_path)
    assert failure.clip_id == failure.path == shown_path(path, tmp_path) == r"\xff/x.wav"
    assert failure.message == "its name, or that of a folder it is in, is not UTF-8; rename it and run again"
