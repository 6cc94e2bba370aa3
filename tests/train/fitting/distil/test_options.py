"""How a student is trained: what is no choice is refused in one line."""

from __future__ import annotations

import pytest

from train.errors import ConfigError
from train.fitting.distil.options import DistilOptions


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"size": "72K"}, "size: found '72K', expected 10k or 72k or 2m"),
        ({"folds": 1}, "folds: found 1, expected 2 or more"),
        ({"targets_from": "none"}, "learn nothing; add --hidden N"),
        ({"lr": 0}, "lr: found"),
        ({"seed": 2**63}, "seed: found"),
    ],
)
def test_a_value_that_is_none_is_refused(fields, message) -> None:
    with pytest.raises(ConfigError, match=message):
        DistilOptions(**fields)
