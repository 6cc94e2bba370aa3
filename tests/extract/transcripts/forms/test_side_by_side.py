"""Which of a clip's transcripts counts where a program leaves several side by side."""

from __future__ import annotations

from pathlib import Path

import pytest

from extract.transcripts.forms.side_by_side import ORDER, Passed, choose
from extract.transcripts.transcript import Transcript, Word


def said(name: str, text: str, *words: Word) -> Transcript:
    return Transcript("a", text, words, path=Path(name))


TIMED = Word("x", 0.0, 1.0)


@pytest.mark.parametrize(
    ("files", "taken"),
    [
        ([said("a.json", "x", TIMED), said("a.vtt", "x", TIMED)], "a.json"),
        ([said("a.json", "x"), said("a.vtt", "x", TIMED), said("a.txt", "x")], "a.vtt"),  # json without times
        ([said("a.json", ""), said("a.txt", "x")], "a.txt"),
        ([said("a.json", ""), said("a.txt", "…")], "a.json"),  # nobody says a word
    ],
)
def test_the_first_that_says_when_or_anything_at_all(files, taken) -> None:
    assert [each.path.suffix for each in files] == sorted((f.path.suffix for f in files), key=ORDER.index)
    assert choose(files, Passed()).path == Path(taken)


def test_other_words_are_told_of_and_other_lines_or_marks_are_none() -> None:
    passed = Passed()
    choose([said("a.json", "One, two."), said("a.txt", "one two")], passed)
    assert len(passed.lines()) == 1
    choose([said("a.json", "One, two."), said("a.txt", "one too")], passed)
    assert passed.lines() == (
        "2 clips with json, txt side by side: json is taken",
        "of 1 clip other files say other words: a; remove those that are not to count",
    )
