"""Known words keep their times, mended ones lie between them, and no time leaves the clip."""

from __future__ import annotations

import random
import time

import pytest

from extract.transcripts.timing import timed
from extract.transcripts.transcript import Transcript, Word

HEARD = (Word("I", 0.0, 0.2), Word("am", 0.2, 0.5), Word("find,", 0.5, 1.0), Word("thanks.", 1.2, 2.0))


def times(text: str, words=HEARD, duration: float | None = 2.0) -> dict[str, tuple[float, float]]:
    found = timed(Transcript("a", text, words, duration))
    return {text[u.begin : u.stop]: (pytest.approx(u.start), pytest.approx(u.end)) for u in found.units}


def test_words_have_their_own_times_case_and_punctuation_aside() -> None:
    assert times("i Am find thanks!") == {
        "i": (0.0, 0.2), "Am": (0.2, 0.5), "find": (0.5, 1.0), "thanks!": (1.2, 2.0),
    }  # fmt: skip


def test_a_mended_word_lies_between_its_neighbours() -> None:
    found = timed(Transcript("a", "I am fine, thanks.", HEARD, 2.0))
    assert times("I am fine, thanks.")["fine,"] == (0.5, 1.2)
    assert found.estimated == 1


def test_added_words_share_the_time_by_their_length() -> None:
    assert times("I am so veryyy thanks.") | {} == {
        "I": (0.0, 0.2), "am": (0.2, 0.5), "so": (0.5, 0.675), "veryyy": (0.675, 1.2), "thanks.": (1.2, 2.0),
    }  # fmt: skip


def test_without_words_the_text_is_spread_over_the_clip_or_stands_at_its_start() -> None:
    assert times("ab cdef", (), 3.0) == {"ab": (0.0, 1.0), "cdef": (1.0, 3.0)}
    assert times("ab cdef", (), None) == {"ab": (0.0, 0.0), "cdef": (0.0, 0.0)}


def test_a_word_beyond_the_clip_counts_as_at_its_end() -> None:
    found = timed(Transcript("a", "one two", (Word("one", 0.5, 9.0), Word("two", 9.0, 11.0)), 2.0))
    assert [(unit.start, unit.end) for unit in found.units] == [(0.5, 2.0), (2.0, 2.0)]
    assert (found.late, found.estimated) == (2, 0)


def test_scripts_without_blanks_are_timed_sign_by_sign() -> None:
    found = timed(Transcript("a", "你好世界", (Word("你好", 0.0, 1.0), Word("世界", 1.0, 2.0)), 2.0))
    assert [(unit.start, unit.end) for unit in found.units] == [(0, 0.5), (0.5, 1), (1, 1.5), (1.5, 2)]


def test_text_of_cues_is_timed_within_them() -> None:
    assert times("ab cd. ef", (Word("ab cd.", 1.0, 2.0), Word("ef", 3.0, 4.0)), None)["ef"] == (3.0, 4.0)
    assert (
        timed(Transcript("a", "ab cd. ef", (Word("ab cd.", 1.0, 2.0), Word("ef", 3.0, 4.0)))).estimated == 0
    )


def test_times_never_run_backwards_and_never_leave_the_clip() -> None:
    rng = random.Random(0)
    pool = ["one", "two", "three", "four", "😀", "שלום", "-"]
    for _ in range(200):
        words = tuple(Word(rng.choice(pool), rng.uniform(-1, 4), rng.uniform(-1, 4)) for _ in range(8))
        text = " ".join(rng.choice(pool) for _ in range(rng.randrange(1, 9)))
        units = timed(Transcript("a", text, words, 2.0)).units
        flat = [at for unit in units for at in (unit.start, unit.end)]
        assert all(0.0 <= at <= 2.0 + 1e-9 for at in flat)
        assert all(unit.start <= unit.end for unit in units)


def test_three_thousand_words_of_which_one_was_mended_take_no_time() -> None:
    words = tuple(Word(f"w{i % 97}", i / 2, i / 2 + 0.4) for i in range(3000))
    text = " ".join(word.text for word in words).replace("w50", "mended", 1)
    found = timed(Transcript("a", text, words, 1500.0))
    assert (len(found.units), found.estimated) == (3000, 1)


def test_one_word_mended_among_ten_thousand_like_it_takes_no_time() -> None:
    words = tuple(Word("ha", 0.1 * n, 0.1 * n + 0.1) for n in range(10_000))
    begin = time.process_time()
    found = timed(Transcript("a", " ".join(["ha"] * 6000 + ["ho"] + ["ha"] * 3999), words, 1000.0))
    assert time.process_time() - begin < 2
    assert found.estimated == 1
    assert (found.units[6000].start, found.units[6000].end) == pytest.approx((600.0, 600.1))


def test_long_texts_that_share_little_are_compared_in_bounded_time() -> None:
    words = tuple(Word("ha", 0.1 * n, 0.1 * n + 0.1) for n in range(8000))
    begin = time.process_time()
    timed(Transcript("a", "ho " + "ha " * 7998 + "ho", words, 800.0))
    assert time.process_time() - begin < 2
