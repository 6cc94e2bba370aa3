"""Every weight that does not fit is named, up to five of them."""

from __future__ import annotations

import pytest
import torch

from extract.encoders.speech.check_weights import check_weights
from extract.errors import EncoderError

WANTED = {"a": torch.zeros(2, 3), "b": torch.zeros(4)}


def test_weights_that_fit_pass() -> None:
    assert check_weights(WANTED, {name: tensor + 1 for name, tensor in WANTED.items()}) is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"a": torch.zeros(2, 3)}, "missing b"),
        (WANTED | {"c": torch.zeros(1)}, "unexpected c"),
        (WANTED | {"b": torch.zeros(5)}, r"b is \(5,\), expected \(4,\)"),
        (WANTED | {"b": torch.full((4,), torch.nan)}, "b holds values that are not finite"),
        (WANTED | {"b": torch.ones(4, dtype=torch.int32)}, r"b holds torch\.int32, expected floating-point"),
        (WANTED | {f"x{i}": torch.zeros(1) for i in range(7)}, "unexpected x4 and 2 more"),
    ],
)
def test_others_are_refused_by_name(given, message) -> None:
    with pytest.raises(EncoderError, match=message):
        check_weights(WANTED, given)
