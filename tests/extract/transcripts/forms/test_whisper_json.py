"""Whisper's JSON in the forms of its programs."""

from __future__ import annotations

import json

import pytest

from extract.errors import SourceError
from extract.transcripts.forms.whisper_json import read
from extract.transcripts.transcript import Word

OPENAI = {
    "text": " Hello there. Bye.",
    "language": "en",
    "segments": [
        {
            "start": 0.0, "end": 1.0, "text": " Hello there.",
            "words": [{"word": " Hello", "start": 0.0, "end": 0.4, "probability": 0.9},
                      {"word": " there.", "start": 0.4, "end": 1.0, "probability": 0.8}],
        },
        {"start": 1.5, "end": 2.0, "text": " Bye."},
    ],
}  # fmt: skip
CPP = {
    "result": {"language": "de"},
    "transcription": [
        {"timestamps": {"from": "00:00:00,000"}, "offsets": {"from": 0, "to": 1500}, "text": " Hallo"},
        {"offsets": {"from": 1500, "to": 2000}, "text": " du."},
    ],
}


def written(tmp_path, value):
    path = tmp_path / "t.json"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(value).encode())
    return path


def test_openai_whisper(tmp_path) -> None:
    said = read(written(tmp_path, OPENAI))
    assert (said.text, said.language) == ("Hello there. Bye.", "en")
    assert said.words == (Word(" Hello", 0.0, 0.4), Word(" there.", 0.4, 1.0), Word(" Bye.", 1.5, 2.0))


def test_whisper_cpp(tmp_path) -> None:
    said = read(written(tmp_path, CPP))
    assert (said.text, said.language, said.words[1]) == ("Hallo du.", "de", Word(" du.", 1.5, 2.0))


def test_segments_alone_and_text_alone(tmp_path) -> None:
    assert read(written(tmp_path, OPENAI["segments"])).text == "Hello there. Bye."
    assert read(written(tmp_path, {"text": " hi "})).text == "hi"


def test_words_that_were_not_aligned_have_no_times(tmp_path) -> None:
    value = {"segments": [{"text": "a b", "words": [{"word": "a"}, {"word": "b", "start": 1, "end": 2}]}]}
    assert read(written(tmp_path, value)).words == (Word("b", 1.0, 2.0),)


@pytest.mark.parametrize(
    "value",
    [{}, [], 7, {"segments": 3}, {"segments": [{"text": 1}]}, {"text": None}, {"transcription": [{}]}],
)
def test_other_json_is_refused(tmp_path, value) -> None:
    if value == []:
        assert read(written(tmp_path, value)).text == ""  # a list of no segments: nothing was said
        return
    with pytest.raises(SourceError, match="expected 'segments'"):
        read(written(tmp_path, value))


@pytest.mark.parametrize("number", [10**400, "1", "nan"], ids=["huge", "text", "nan"])
def test_times_that_are_no_numbers_are_refused(tmp_path, number) -> None:
    for value in (
        {"segments": [{"text": "a", "start": number, "end": 2}]},
        {"transcription": [{"text": "a", "offsets": {"from": number, "to": 2}}]},
    ):
        with pytest.raises(SourceError, match="expected 'segments'"):
            read(written(tmp_path, value))


def test_a_broken_file_is_one_line(tmp_path) -> None:
    (tmp_path / "t.json").write_text("{")
    with pytest.raises(SourceError, match="not readable as JSON"):
        read(tmp_path / "t.json")
