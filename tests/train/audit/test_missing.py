"""The audit says in one line a split which labels are missing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from train.audit.checks import PASSED
from train.audit.missing import missing_labels


def test_missing_labels_are_counted_in_one_line(splits):
    targets = splits.valid.targets.copy()
    targets[:4, 0] = targets[:, 2] = np.nan
    (check,) = missing_labels("valid", replace(splits.valid, targets=targets, unlabelled=2), reported=True)
    assert (check.name, check.outcome) == ("labels, valid", PASSED)
    assert check.detail == (
        "Admiration: 4 of 30 missing; Empathic Pain: 30 of 30 missing; 2 clips of the table without any "
        "label, left out; no label of Empathic Pain among these clips, so no score; "
        "means are over the other 2 of 3 targets"
    )


def test_whole_labels_are_not_worth_a_line(splits):
    assert missing_labels("train", splits.train, reported=False) == []
