"""What the built-in losses ask of their batches."""

from __future__ import annotations

import pytest

from train.losses.loss import Loss
from train.losses.registry import LOSSES


@pytest.mark.parametrize(("name", "across"), [("mse", False), ("ccc", True), ("pearson", True)])
def test_correlations_need_a_fair_draw(name, across):
    loss = LOSSES.get(name)
    assert isinstance(loss, Loss)
    assert loss.across_clips == across
