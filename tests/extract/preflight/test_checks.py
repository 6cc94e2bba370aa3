"""The table of checks says what to do about those that are not ok."""

from __future__ import annotations

import pytest

from extract.preflight import checks


@pytest.mark.parametrize("name", ["ok", "warning", "FAILED"])
def test_the_table_says_what_to_do(name) -> None:
    text = checks.as_text([checks.Check("links", name, "found", "do this")])
    assert ("do this" in text) == (name != "ok")
    failed, warned = name == "FAILED", name == "warning"
    assert text.splitlines()[-1] == f"1 check, {failed:d} failed, {warned:d} warning{'' if warned else 's'}"
