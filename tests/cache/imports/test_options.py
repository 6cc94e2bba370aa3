"""What the user says of imported features."""

from __future__ import annotations

import pytest

from cache.common.errors import CacheError
from cache.format.schema import HIDDEN_STATES
from cache.imports import options
from cache.imports.options import ImportOptions


def test_the_prefix_of_layers_is_that_of_the_format() -> None:
    assert options.HIDDEN_STATES == HIDDEN_STATES


@pytest.mark.parametrize(
    ("layer", "fields"),
    [
        (None, ("features",)),
        ("12", ("hidden_states/12",)),
        ("0-2", ("hidden_states/0", "hidden_states/1", "hidden_states/2")),
        ("6, 9,12", ("hidden_states/6", "hidden_states/9", "hidden_states/12")),
    ],
)
def test_layers_name_the_fields(layer, fields) -> None:
    assert ImportOptions(layer=layer).fields == fields


@pytest.mark.parametrize("layer", ["", "x", "1,1", "3-1", "-1", "1-", "1,", "0-999", "99999"])
def test_layers_that_are_none_are_one_line(layer) -> None:
    with pytest.raises(CacheError, match=r"--layer: found .*0-12 or 6,9,12"):
        ImportOptions(layer=layer)


@pytest.mark.parametrize("name", ["vad", "hidden_states/3", "../x", "", "a b"])
def test_a_name_that_is_no_field_of_its_own_is_refused(name) -> None:
    with pytest.raises(CacheError, match="--name"):
        ImportOptions(name=name)


@pytest.mark.parametrize(
    ("field", "value"),
    [("frame_shift", 0.0), ("frame_shift", float("nan")), ("dtype", "int8"), ("width", 0), ("time_unit", "min"),
     ("layout", "arrow"), ("backend", "tar"), ("shard_mb", 0.0)],
)  # fmt: skip
def test_values_out_of_range_are_refused(field, value) -> None:
    with pytest.raises(CacheError, match=field):
        ImportOptions(**{field: value})
