"""A student's layout: as many parameters as its name says, and nothing in a config that is none."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from cache.common.student.layout import SIZES, Layout, is_learned, layout_of

VAD = ("arousal", "dominance", "valence")


@pytest.mark.parametrize(("size", "least", "most"), [("10k", 10_000, 11_000), ("72k", 68_000, 73_000)])
def test_sizes_are_what_they_are_called(size, least, most) -> None:
    assert least < layout_of(size, VAD, 0).parameters < most


def test_the_published_layout_has_its_convolutions_and_its_read_out() -> None:
    layout = layout_of("10k", VAD, 0)
    shapes = layout.shapes()
    assert [shapes[f"conv.{number}.weight"] for number in range(1, 8)] == [
        (13, 1, 3, 3),
        *[(13, 13, 3, 3)] * 6,
    ]
    read_out = math.prod(shapes["head.weight"]) + math.prod(shapes["head.gram"]) + 3
    assert read_out == 338 * 3 + 3  # arXiv 2408.13920: 13 × 13 and its Gram matrix, to three numbers
    assert layout.parameters == 130 + 6 * 1534 + 2 * 182 + read_out


def test_the_largest_stays_below_two_million_and_gives_components() -> None:
    layout = layout_of("2m", VAD, 64)
    assert layout.parameters <= 2_000_000
    assert (layout.frame_width, layout_of("2m", VAD, 0).frame_width) == (64, 256)
    assert sum(not is_learned(name) for name in layout.shapes()) == 2


@pytest.mark.parametrize("size", SIZES)
def test_a_layout_is_read_as_it_was_written(size) -> None:
    layout = layout_of(size, VAD, 5)
    assert Layout.from_json(json.loads(json.dumps(layout.to_json()))) == layout


@pytest.mark.parametrize(
    "change",
    [
        {"channels": 0},
        {"channels": 10**9},
        {"bands": 3, "pools": (1, 2)},
        {"width": 4},
        {"dimensions": ()},
        {"hidden": True},
        {"pools": ("a",)},
        {"pools": (8,)},
        {"pools": (1, 1)},
    ],
)
def test_what_is_no_network_is_refused(change) -> None:
    with pytest.raises(ValueError, match=r"found|no network|nothing"):
        replace(layout_of("10k", VAD, 0), **change)


def test_a_config_with_other_types_is_refused() -> None:
    values = layout_of("10k", VAD, 0).to_json()
    for change in ({"dimensions": [1]}, {"size": None}, {"channels": "13"}, {"pools": 3}):
        with pytest.raises((TypeError, ValueError)):
            Layout.from_json(values | change)
