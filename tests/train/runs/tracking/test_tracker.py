"""What is told of an epoch."""

from __future__ import annotations

from train.runs.history import EpochRecord
from train.runs.tracking.tracker import values_of


def test_an_epoch_is_its_numbers_by_name():
    found = values_of(EpochRecord(3, 0.1, 0.5, 0.25, 2), "inner ccc")
    assert found == {"loss": 0.5, "inner ccc": 0.25, "lr": 0.1, "skipped columns": 2}
