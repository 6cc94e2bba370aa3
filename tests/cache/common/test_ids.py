"""The one id rule, for sources and labels alike."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache import clip_id_from_text
from cache.common.errors import TableError
from cache.common.ids import is_clip_id


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
