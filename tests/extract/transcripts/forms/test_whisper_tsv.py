"""Transcripts in Whisper's own tables."""

from __future__ import annotations

import pytest

from extract.errors import SourceError
from extract.transcripts.forms.whisper_tsv import is_whisper_tsv, read
from extract.transcripts.transcript import Word


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_lines_are_pieces_with_times(tmp_path, mark, ending) -> None:
    path = tmp_path / "t.tsv"
    path.write_bytes(mark + ending.join(["start\tend\ttext", "0\t1250\tHello", "1250\t2000\t", ""]).encode())
    assert is_whisper_tsv(path)
    assert read(path) == ("Hello", (Word("Hello", 0.0, 1.25),), "")


@pytest.mark.parametrize("line", ["0\t1\n", "a\tb\tc", "-1\t2\tx", "1.5\t2\tx", f"0\t{10**20}\tx", "²\t3\tx"])
def test_a_line_without_two_times_is_named(tmp_path, line) -> None:
    (tmp_path / "t.tsv").write_text(f"start\tend\ttext\n{line}\n")
    with pytest.raises(SourceError, match=r"line 2: .* expected milliseconds"):
        read(tmp_path / "t.tsv")


@pytest.mark.parametrize("text", ["", "start\tend", "start\tend\ttexts\n", "id\tstart\tend\ttext\n"])
def test_another_table_is_none(tmp_path, text) -> None:
    (tmp_path / "t.tsv").write_text(text)
    assert not is_whisper_tsv(tmp_path / "t.tsv")
    assert not is_whisper_tsv(tmp_path / "none")
