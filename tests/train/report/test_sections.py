"""Sections of a report: chance claims no more than it can tell."""

from __future__ import annotations

import numpy as np
import pytest

from train.report.sections import null_section
from train.scores.permutation import permutation_null
from train.studies.study import Study


@pytest.mark.parametrize(
    ("speakers", "orders"),
    [(3, "3 speakers in 6 orders, p cannot be below 0.17"), (4, "24 orders"), (20, "")],
)
def test_chance_claims_no_more_than_its_orders_can_tell(speakers, orders, tmp_path):
    who = tuple(f"s{i % speakers}" for i in range(60))
    truth = np.random.default_rng(0).random((60, 1))
    study = Study(tmp_path, (), "head", "pearson", "", "inner", ("a",), tuple("c" * 60), truth, who)
    text = null_section(study, permutation_null(truth, truth[None], "pearson", who, 200))
    assert orders in text
    assert ("warning: only" in text) is bool(orders)
    assert ("in one case of twenty" in text) is (speakers > 3)
