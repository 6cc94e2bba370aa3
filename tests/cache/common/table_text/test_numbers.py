"""A number that is written in another way is told with its cause, other text is not."""

from __future__ import annotations

import pytest

from cache.common.table_text.numbers import number_in, why_no_number


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("0,888889", "decimal comma"),
        ("-,5", "decimal comma"),
        ("1,5e-3", "decimal comma"),
        ("45%", "percent sign"),
        ("45,5 %", "percent sign"),
        ("1.234,5", "points between thousands"),
        ("1,234,567.5", "commas between thousands"),
        ("\u22120.5", "dash for a minus"),
        ("4/9", "fraction"),
        ("happy", ""),
        ("", ""),
        ("a,b", ""),
        ("1, 2", ""),
        ("0.5", ""),
    ],
)
def test_the_cause_is_named(text, why) -> None:
    found = why_no_number(text)
    assert why in found
    assert bool(found) is bool(why)
    assert not found or number_in(text) is None


def test_a_number_is_one_that_every_reader_takes() -> None:
    assert [number_in(text) for text in ("0.5", " -1e3 ", "1_000", "x", "")] == [
        0.5,
        -1000.0,
        None,
        None,
        None,
    ]
