"""A registry names its things, loads them when asked for, and helps with a wrong name."""

from __future__ import annotations

import pytest

from cache.common.registry import Registry


@pytest.fixture
def shapes() -> Registry:
    registry = Registry("shape", ValueError)
    registry.add("path", "pathlib:Path", "where a file is")
    registry.add("fraction", "fractions:Fraction", "a ratio")
    return registry


def test_a_thing_is_loaded_when_asked_for(shapes) -> None:
    from fractions import Fraction

    assert shapes.get("fraction") is Fraction
    assert list(shapes) == ["path", "fraction"]
    assert len(shapes) == 2


def test_help_and_choices_come_from_the_entries(shapes) -> None:
    assert shapes.choices() == "path or fraction"
    assert [entry.help for entry in shapes.entries] == ["where a file is", "a ratio"]


def test_an_unknown_name_is_one_line_with_the_closest(shapes) -> None:
    with pytest.raises(
        ValueError, match="shape: found 'fractoin', expected path or fraction; did you mean 'fraction'"
    ):
        shapes.get("fractoin")


def test_a_name_is_registered_once_and_may_go_again(shapes) -> None:
    with pytest.raises(ValueError, match="registered already, as pathlib:Path"):
        shapes.add("path", "os:path", "another")
    shapes.remove("path")
    assert "path" not in shapes
