"""The history has one row per epoch; an undefined score is an empty cell, and null in a checkpoint."""

from __future__ import annotations

import math

import pytest

from train.errors import RunError
from train.runs.history import EpochRecord, read_history, write_history


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


def test_an_undefined_loss_comes_back_undefined(tmp_path):
    record = EpochRecord.from_dict({"epoch": 1, "lr": 0.1, "loss": None, "score": None, "skipped": 3})
    assert math.isnan(record.loss)
    write_history(tmp_path / "h.csv", [record, EpochRecord(2, 0.05, 0.4, 0.3, 0)])
    assert "None" not in (tmp_path / "h.csv").read_text()
    found = read_history(tmp_path / "h.csv")
    assert math.isnan(found["loss"][0])
    assert found["score"][1] == 0.3


def test_a_history_of_an_older_version_or_of_no_version(tmp_path):
    path = tmp_path / "h.csv"
    path.write_text("epoch,lr,loss,score,skipped\n1,0.1,None,,0\n")
    assert math.isnan(read_history(path)["loss"][0])
    for text in (
        "epoch,lr\n1,0.1\n",
        "epoch,lr,loss,score,skipped\n1,0.1,much,,0\n",
        "epoch,lr,loss,score,skipped\n1\n",
    ):
        path.write_text(text)
        with pytest.raises(RunError, match="not a history that this version knows"):
            read_history(path)
