"""What counts as speech, what a transcript's hash depends on, and how words become a text."""

from __future__ import annotations

from dataclasses import replace

import pytest

from extract.transcripts.transcript import HASH, Transcript, Word, has_speech, joined


@pytest.mark.parametrize("text", ["", "   ", "...", "?! — “”", "\u200b\n", "。、"])
def test_punctuation_and_blanks_are_no_speech(text) -> None:
    assert not has_speech(text)


@pytest.mark.parametrize("text", ["a", "7.", "😀", "שלום", "你好"])
def test_letters_numbers_and_emoji_are(text) -> None:
    assert has_speech(text)


def test_the_hash_is_of_all_that_a_cache_takes() -> None:
    one = Transcript("a", "hello", (Word("hello", 0.0, 0.5),), 1.0)
    others = [
        replace(one, clip_id="b"),
        replace(one, text="hallo"),
        replace(one, words=(Word("hello", 0.1, 0.5),)),
        replace(one, duration=2.0),
    ]
    assert one.sha256.startswith(HASH)
    assert replace(one, shown="elsewhere.csv").sha256 == one.sha256
    assert len({one.sha256, *(other.sha256 for other in others)}) == 5


def test_words_bring_their_blanks_or_get_them() -> None:
    assert joined([" Hello", ",", " you"]) == "Hello, you"
    assert joined(["Hello,", "you"]) == "Hello, you"
    assert joined([]) == ""
