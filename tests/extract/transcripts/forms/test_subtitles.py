"""SubRip and WebVTT as programs write them."""

from __future__ import annotations

import pytest

from extract.errors import SourceError
from extract.transcripts.forms.subtitles import read, read_text
from extract.transcripts.transcript import Word

SRT = "1\n00:00:00,500 --> 00:00:01,250\n<i>Hello</i>\nthere\n\n2\n"
SRT += "00:01:00,000 --> 00:01:02,000\n{\\an8}Bye &amp; bye\n"
VTT = """WEBVTT - made by hand

NOTE
00:00:09.000 this is no cue

STYLE
::cue { color: red }

intro
00:01.000 --> 00:03.000 align:start
<v Anna>Hello <00:02.000>there</v>

00:00:04.000 --> 00:00:05.000

"""


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_subrip(tmp_path, ending, mark) -> None:
    path = tmp_path / "t.srt"
    path.write_bytes(mark + SRT.replace("\n", ending).encode())
    said = read(path)
    assert said.text == "Hello there Bye & bye"
    assert said.words == (Word("Hello there", 0.5, 1.25), Word("Bye & bye", 60.0, 62.0))


def test_webvtt_with_times_within_a_cue(tmp_path) -> None:
    path = tmp_path / "t.vtt"
    path.write_text(VTT)
    said = read(path)
    assert said.text == "Hello there"
    assert said.words == (Word("Hello", 1.0, 2.0), Word("there", 2.0, 3.0))


@pytest.mark.parametrize(("name", "content"), [("t.srt", ""), ("t.srt", " \n"), ("t.vtt", "WEBVTT\n")])
def test_a_file_without_cues_says_nothing(tmp_path, name, content) -> None:
    (tmp_path / name).write_text(content)
    assert read(tmp_path / name) == ("", (), "")


def test_other_text_and_other_encodings_are_refused(tmp_path) -> None:
    (tmp_path / "t.srt").write_text("just text")
    with pytest.raises(SourceError, match="no cue"):
        read(tmp_path / "t.srt")
    (tmp_path / "t.srt").write_bytes("grün".encode("latin-1"))
    with pytest.raises(SourceError, match="UTF-8"):
        read_text(tmp_path / "t.srt")
    with pytest.raises(SourceError, match="cannot be read"):
        read_text(tmp_path / "none.srt")
