"""The audit says in one line a split how alike annotators rate."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from train.audit.agreement import annotators
from train.labels.annotators import Ratings


def test_agreement_is_one_line_and_none_without_annotators(splits):
    count = len(splits.valid)
    ratings = Ratings(
        np.tile(np.arange(count), 2), ("r1",) * count + ("r2",) * count, np.tile(splits.valid.targets, (2, 1))
    )
    (check,) = annotators("valid", replace(splits.valid, ratings=ratings))
    assert check.name == "annotators, valid"
    assert "Admiration: 2 annotators of 30 clips, pairwise r 1.00 (1 pair), ICC 1.00" in check.detail
    assert annotators("valid", splits.valid) == []
