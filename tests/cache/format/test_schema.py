"""Fields of frames describe themselves, and read back."""

from __future__ import annotations

import json

import numpy as np
import pytest

from cache import FrameField


def test_a_field_reads_back_from_its_row(fields) -> None:
    for field in fields:
        row = json.loads(json.dumps(field.to_json()))
        assert FrameField.from_json(field.name, row) == field


@pytest.mark.parametrize("change", [{"width": 0}, {"dtype": "S3"}, {"dtype": "object"}, {"width": "x"}])
def test_a_row_that_is_no_field_is_refused(change) -> None:
    with pytest.raises((ValueError, TypeError)):
        FrameField.from_json("x", FrameField("x", 3).to_json() | change)


def test_what_a_field_weighs_and_says_of_itself() -> None:
    field = FrameField("vad", 3, np.dtype(np.int8), 0.1, ("a", "b", "c"))
    assert (field.bytes_per_frame, field.quantised) == (3, True)
    assert field.attributes() == {"offsets": "offsets", "frame_shift": 0.1, "dims": ["a", "b", "c"]}
    assert "dims" not in FrameField("x", 2).attributes()
