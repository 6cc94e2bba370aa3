"""The layouts that can be imported."""

from __future__ import annotations

from pathlib import Path

import pytest

from cache.common.errors import CacheError
from cache.imports.registry import LAYOUTS, SUFFIXES, layout_of


def test_every_layout_has_a_reader_and_a_suffix() -> None:
    assert all(callable(LAYOUTS.get(name)) for name in LAYOUTS)
    assert set(SUFFIXES.values()) == set(LAYOUTS)


@pytest.mark.parametrize(
    ("name", "layout"),
    [("a.NPY", "npy"), ("a.pt", "pickle"), ("a.b.csv", "csv"), ("a.wav", None), ("npy", None)],
)
def test_a_suffix_names_a_layout(name, layout) -> None:
    assert layout_of(Path(name)) == layout


def test_an_unknown_layout_says_which_there_are() -> None:
    with pytest.raises(CacheError, match="npy, npz, pickle, hdf5, csv or parquet"):
        LAYOUTS.get("arrow")
