"""The one id rule, for sources and labels alike."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache import clip_id_from_text
from cache.common.errors import TableError
from cache.common.ids import KnownIds, clip_id_of_file, is_clip_id, nearly_matching


@pytest.mark.parametrize(
    ("text", "clip_id"),
    [
        ("00042", "00042"),
        (" 00042 ", "00042"),
        ("[58712]", "58712"),
        ("['58712']", "58712"),
        ("sub/00042.mp4", "sub/00042"),
        ("MSP-PODCAST_0001_0008.wav", "MSP-PODCAST_0001_0008"),
        ("a.b.MP3", "a.b"),
        ("./x", "x"),
        ("a\\b", "a/b"),
        ("e\u0301", "\u00e9"),
        ("1e3", "1e3"),
        ("c1.mp4.wav", "c1"),
        ("[a.wav]", "a"),
        ("\ufeff00042", "00042"),
    ],
)
def test_the_one_id_rule(text: str, clip_id: str) -> None:
    assert clip_id_from_text(text) == clip_id


@pytest.mark.parametrize(
    "text", ["", " ", "[]", "/etc/passwd", "../x", "a/../b", "a//b", "a\x00b", "a\nb", ".wav", "a/"]
)
def test_text_that_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(TableError, match="no clip id"):
        clip_id_from_text(text)


UNPRINTABLE = "\x1b\x7f\x80\x85\x9b\x9f\u061c\u200e\u200f\u2028\u2029\u202a\u202e\u2066\u2069\ud800"


@pytest.mark.parametrize("letter", UNPRINTABLE, ids=ascii)
@pytest.mark.parametrize("text", ["a{}b", "{}b", "a{}", "sub/a{}.wav", "[a{}]"])
def test_text_that_moves_a_terminal_or_ends_a_line_is_no_id(text, letter) -> None:
    for rule in (clip_id_from_text, clip_id_of_file):
        with pytest.raises(TableError, match="no clip id") as error:
            rule(text.format(letter))
        assert letter not in str(error.value)


def test_letters_of_any_script_are_fit() -> None:
    for text in ("Müller", "Ð¤", "محمد", "नमस्ते", "می\u200cخواهم", "山田", "👩\u200d🔬"):
        assert clip_id_from_text(text)


@given(st.text(max_size=20) | st.text(alphabet="[].wavmp34/\\ '\"\u00a0e\u0301", max_size=20))
def test_an_id_means_itself(text: str) -> None:
    try:
        clip_id = clip_id_from_text(text)
    except TableError:
        return
    assert clip_id_from_text(clip_id) == clip_id
    assert KnownIds([clip_id]).find(text) == clip_id


@pytest.mark.parametrize(
    ("name", "clip_id"),
    [("c1.wav", "c1"), ("c1.mp4.wav", "c1.mp4"), ("sub/[1].WAV", "sub/[1]"), ("a b.mp3", "a b"), ("x", "x")],
)
def test_a_file_loses_one_suffix(name, clip_id) -> None:
    assert clip_id_of_file(name) == clip_id


def test_of_known_ids_the_exact_text_comes_first() -> None:
    known = KnownIds(["c1", "c1.mp4", "sub/c2", "[7]", "c3.wav"])
    meant = {
        "c1": "c1",
        "c1.wav": "c1",
        "c1.mp4": "c1.mp4",
        "c1.mp4.wav": "c1.mp4",
        "sub\\c2.mp3": "sub/c2",
        "7": "[7]",
        "[7]": "[7]",
        "c3": "c3.wav",
        "c2": None,
        "07": None,
    }
    assert {text: known.find(text) for text in meant} == meant


def test_what_may_mean_several_clips_is_refused() -> None:
    known = KnownIds(["c1.mp4", "c1.wav"])
    assert known.find("c1.wav") == "c1.wav"
    for text in ("c1", "c1.mov"):
        with pytest.raises(TableError, match=r"may mean the clips c1\.mp4, c1\.wav"):
            known.find(text)


@pytest.mark.parametrize(
    ("missing", "known", "said"),
    [
        (
            ["12", "13", "x"],
            ["00012", "00013"],
            r"2 of the 3 would match without leading zeros \('12', '00012'\)",
        ),
        (["audio/00000"], ["00000"], r"1 of the 1 would match without the folder \('audio/00000', '00000'\)"),
        (["anna"], ["Anna"], "without upper case"),
        (["audio/12"], ["00012"], "without the folder and leading zeros"),
        (["0"], ["00000"], "without leading zeros"),
        (["x"], ["y"], "^$"),
        ([], ["y"], "^$"),
    ],
)
def test_ids_that_nearly_match_are_counted(missing, known, said) -> None:
    assert re.search(said, nearly_matching(missing, known))


@given(st.text(max_size=20))
def test_an_id_never_leaves_its_folder(text: str) -> None:
    try:
        clip_id = clip_id_from_text(text)
    except TableError:
        return
    assert not clip_id.startswith("/")
    assert ".." not in clip_id.split("/")
    assert clip_id_from_text(clip_id + ".wav") == clip_id


@given(st.text(alphabet="a./\\\n\x1f\x20é", max_size=9))
def test_one_pattern_says_what_the_parts_of_an_id_may_be(text: str) -> None:
    parts = text.split("/")
    fit = all(parts) and not {".", ".."} & set(parts) and not any(ord(letter) < 32 for letter in text)
    assert is_clip_id(text) is fit


def test_a_suffix_that_is_known_of_files_only_is_cut_where_the_id_without_it_is_there() -> None:
    known = KnownIds(["x", "y.3gp", "y", "z"])
    assert [known.find(text) for text in ("x.3gp", "x.TS", "y.3gp", "y.aac", "z.part2", "n.aac")] == [
        "x", "x", "y.3gp", "y", None, None
    ]  # fmt: skip
    assert clip_id_from_text("x.3gp") == "x.3gp"  # older caches have such ids
