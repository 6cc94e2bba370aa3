"""Sections of a report: a row for each row, commands that make it again, and no claim beyond what is known."""

from __future__ import annotations

import numpy as np
import pytest

from train.audit.checks import Audit, Check
from train.report.sections import (
    audit_section,
    emotions_section,
    environment_section,
    metrics_section,
    null_section,
    reproduce_section,
)
from train.scores.intervals import score_interval
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


def test_tables_of_a_study_have_a_row_for_each_of_its_rows(study_of):
    rng = np.random.default_rng(0)
    truth = rng.random((30, 2))
    rows = {"head": truth + rng.random((1, 30, 2)), "flat | head": np.zeros((1, 30, 2))}
    study = study_of(truth, rows)
    intervals = {
        name: [score_interval(truth[:, [k]], values[:, :, [k]], "pearson", None) for k in (0, 1)]
        for name, values in rows.items()
    }
    lines = emotions_section(study, intervals).splitlines()
    assert lines[0] == "|  | a | b |"
    assert lines[2].startswith(f"| head | {intervals['head'][0].estimate:.3f} [")
    assert lines[3] == "| flat \\| head | undefined | undefined |"
    means = {"head": {"valid pearson": -0.25}, "flat | head": {}}
    lines = metrics_section(study, means).splitlines()
    assert lines[0].startswith("|  | ρ | CCC | Spearman's ρ | MAE | ρ, clipped |")
    assert lines[2].startswith("| head | −0.250 | undefined |")


def test_how_a_study_is_made_again_and_what_it_was_made_with(study, tmp_path):
    lines = reproduce_section(study).splitlines()
    assert (lines[0], lines[-1]) == ("```sh", "```")
    assert lines[1] == f"# {study.rows[0].name}"
    assert lines[2] == f"emi-train reproduce {study.path / study.rows[0].runs[0]}"
    table = environment_section(study.path / study.rows[0].runs[0])
    assert "| torch version |" in table
    assert "| recipe id |" in table
    assert "identity" not in table
    assert audit_section(tmp_path) == "Not checked: this folder was made without an audit."
    Audit((Check("coverage, train", "passed", "all 60"),)).save(tmp_path)
    assert audit_section(tmp_path).splitlines()[-1] == "| passed | coverage, train | all 60 |"
