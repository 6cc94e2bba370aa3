"""The history has one row per epoch; an undefined score is an empty cell, and null in a checkpoint."""

from __future__ import annotations

import math

from train.runs.history import EpochRecord, write_history


def test_the_table_has_a_row_per_epoch(tmp_path):
    write_history(
        tmp_path / "h.csv", [EpochRecord(1, 0.1, 0.5, math.nan, 3), EpochRecord(2, 0.05, 0.25, 0.5, 0)]
    )
    assert (
        tmp_path / "h.csv"
    ).read_text() == "epoch,lr,loss,score,skipped\n1,0.1,0.5,,3\n2,0.05,0.25,0.5,0\n"


def test_null_is_an_undefined_score():
    fields = {"epoch": 1, "lr": 0.1, "loss": 0.5, "score": None, "skipped": 0}
    assert math.isnan(EpochRecord.from_dict(fields).score)
    assert EpochRecord.from_dict({**fields, "score": 0.5}) == EpochRecord(1, 0.1, 0.5, 0.5, 0)
