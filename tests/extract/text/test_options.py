"""Options of text: out of range is one line that starts with the flag."""

from __future__ import annotations

import pytest

from extract.errors import ExtractError
from extract.text.options import TextOptions


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "--model"),
        ({"model": "x", "max_tokens": 3}, "--max-tokens"),
        ({"model": "x", "batch_tokens": 0}, "--batch-tokens"),
        ({"model": "x", "store": "csv"}, "--backend"),
    ],
)
def test_out_of_range_is_one_line(options, said) -> None:
    with pytest.raises(ExtractError, match=said):
        TextOptions(**options)


def test_a_back_end_is_known_in_any_case() -> None:
    assert TextOptions("x", store="ZARR").store == "zarr"
