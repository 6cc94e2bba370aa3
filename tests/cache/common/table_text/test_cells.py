"""No cell that we write is a formula, numbers stay numbers, and every text comes back as it was."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.common.table_text.cells import plain_cell, safe_cell


@pytest.mark.parametrize(
    "text",
    ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "'=1", "''+x", "-abc", "＝1", "-1_0"],
)
def test_what_begins_like_a_formula_gets_an_apostrophe(text) -> None:
    assert safe_cell(text) == f"'{text}"
    assert plain_cell(f"'{text}") == text


@pytest.mark.parametrize(
    "text", ["-0.5", "+3", "-1e-05", "-inf", "nan", "-.5", "00042", "a=b", "'quoted'", "", "a-b"]
)
def test_numbers_and_other_text_stay(text) -> None:
    assert safe_cell(text) == text
    assert plain_cell(text) == text


def test_values_that_are_no_text_stay() -> None:
    assert [safe_cell(value) for value in (-1.5, None, -3)] == [-1.5, None, -3]


@given(st.text(alphabet="'=+-@\tab1.", max_size=6))
def test_every_text_comes_back(text) -> None:
    written = safe_cell(text)
    assert isinstance(written, str)
    assert plain_cell(written) == text
