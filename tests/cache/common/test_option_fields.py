"""Fields that carry their help and range check themselves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from cache.common.option_fields import (
    ONE_OR_MORE,
    POSITIVE,
    check_options,
    option,
    options_of,
    require_known,
)


@dataclass(frozen=True)
class Recipe:
    cups: int = option(1, "How many.", within=ONE_OR_MORE)
    grams: float | None = option(None, "Of coffee.", within=POSITIVE, shown="by taste")
    kind: str = option("filter", "How it is made.", choices=("filter", "mocha"))
    hot: bool = option(True, "Or cold.")
    mugs: tuple[Path, ...] = option((), "Where to.")

    def __post_init__(self) -> None:
        check_options(self, ValueError)


def test_valid_values_pass_and_whole_numbers_become_floats() -> None:
    assert type(Recipe(grams=12).grams) is float
    assert Recipe(mugs=(Path("a"),)).mugs == (Path("a"),)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"cups": 0}, "cups: found 0, expected 1 or more"),
        ({"cups": True}, "cups: found True, expected int"),
        ({"grams": -1.0}, "grams: found -1.0, expected a positive number"),
        ({"grams": float("nan")}, "grams: found nan, expected a positive number"),
        ({"grams": "much"}, "grams: found 'much', expected float or null"),
        ({"kind": "moca"}, "kind: found 'moca', expected filter or mocha; did you mean 'mocha'"),
        ({"hot": None}, "hot: found None, expected bool"),
    ],
)
def test_other_values_are_one_line(fields, message) -> None:
    with pytest.raises(ValueError, match=message):
        Recipe(**fields)


def test_unknown_fields_are_named_with_the_closest() -> None:
    with pytest.raises(ValueError, match="a\\.toml: unknown field 'cup'; did you mean 'cups'"):
        require_known(["cup"], Recipe, "a.toml", ValueError)
    with pytest.raises(ValueError, match="known fields: cups, grams"):
        require_known(["zzz"], Recipe, "a.toml", ValueError)


def test_the_declarations_can_be_read() -> None:
    assert options_of(Recipe)["grams"].shown == "by taste"
