"""Names that no file system takes for another one, for a device or for a path."""

from __future__ import annotations

from pathlib import Path, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.tools.file_names import MAX_NAME, file_name, file_names

DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}


@pytest.mark.parametrize(
    "clip_id",
    [
        "../../etc/passwd",
        "/etc/passwd",
        "a/b",
        "..",
        ".",
        "x" * 5000,
        "ä" * 100,
        "a\x00b",
        "CON:\\",
        "a\n",
        "~",
        "c~1",
    ],
)
def test_an_id_never_becomes_a_path(clip_id) -> None:
    name = file_name(clip_id)
    assert Path(f"{name}.npy").name == f"{name}.npy"
    assert not set(name) & set('/\\\x00:*?"<>|~\n')
    assert name.isascii()
    assert len(name) <= MAX_NAME
    assert len({file_name("x" * 5000), file_name("x" * 5001)}) == 2


@pytest.mark.parametrize("text", ["CON", "nul", "Com1", "lpt9.x", "aux .b", "PRN"])
def test_no_name_is_a_device(text) -> None:
    name = file_name(text)
    assert name.partition(".")[0].strip().casefold() not in DEVICES
    assert name.startswith("%")
    assert file_name("CONCERT") == "CONCERT"
    assert file_name("a.con") == "a.con"


@pytest.mark.parametrize(
    ("text", "name"), [("x.", "x%2E"), ("x ", "x%20"), (" x", "%20x"), (".x", "%2Ex"), ("..", "%2E%2E")]
)
def test_dots_and_blanks_at_an_end_are_written_out(text, name) -> None:
    assert file_name(text) == name


def test_ordinary_ids_keep_their_name() -> None:
    ids = ["00042", "MSP-PODCAST_0001_0008", "a b", "c1.mp4"]
    assert file_names(ids) == {clip_id: clip_id for clip_id in ids}
    assert file_name("sub/00042") == "sub%2F00042"


def test_ids_that_differ_in_case_or_unicode_alone_differ_in_more() -> None:
    ids = ["Anna", "anna", "ANNA", "Müller", "müller", "Mu\u0308ller", "x" * 200, "X" * 200, "ß", "SS", "ss"]
    names = file_names(ids)
    assert len({name.casefold() for name in names.values()}) == len(ids)
    assert names["Anna"].startswith("Anna+")
    assert names == file_names(ids[::-1])  # whatever their order


def test_a_name_that_is_taken_gets_another() -> None:
    fields = ["clips.parquet", "Clips.CSV", "a/b", "a_b", "vad"]
    names = file_names(fields, lambda field: field.replace("/", "_"), taken=("clips.parquet", "clips.csv"))
    folded = [name.casefold() for name in (*names.values(), "clips.parquet", "clips.csv")]
    assert len(set(folded)) == len(folded)
    assert names["vad"] == "vad"


@given(st.lists(st.text(alphabet="aAbB. ~%+éÉ/1", min_size=1, max_size=6), unique=True, max_size=8))
def test_names_never_collide(ids) -> None:
    names = file_names(ids)
    assert len({name.casefold() for name in names.values()}) == len(ids)
    for name in names.values():
        assert not PureWindowsPath(f"{name}.npy").is_reserved()
        assert name == name.strip(" .")
