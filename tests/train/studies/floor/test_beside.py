"""The floor beside a head: what a simple model reaches on its clips, in one line, for fits, ensembles and folds."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from cache import read_table
from train import fit, paired_difference
from train.scores.estimates import Difference, Interval
from train.studies.floor.baselines import baseline
from train.studies.floor.beside import Fitted, Floor, floor_beside

INTERVAL = Interval(0.1, 0.02, 0.18, 0.95, "speaker", 10, 9.0, 1, "t", ())


def floor_of(estimate: float, low: float, high: float) -> Floor:
    found = replace(INTERVAL, estimate=estimate, low=low, high=high)
    return Floor("mean, ridge", 0.5, 0.5 + estimate, Difference(found, 0.03), "pearson")


@pytest.mark.parametrize(
    ("ends", "told"),
    [
        ((0.1, 0.02, 0.18), "the head is above it, 0.600: 0.100 [0.020, 0.180], p = 0.030"),
        ((0.1, -0.02, 0.2), "the head is not told apart from it, 0.600"),
        ((-0.1, -0.2, 0.02), "THE HEAD IS BELOW IT, 0.400: −0.100"),
        ((0.0, 0.0, 0.0), "THE HEAD IS BELOW IT"),
        ((0.1, np.nan, np.nan), "the head is not told apart from it, 0.600: 0.100 [no interval]"),
    ],
)
def test_it_is_one_line(ends, told) -> None:
    text = floor_of(*ends).text()
    assert told in text
    assert text.startswith("floor: mean, ridge reaches pearson 0.500 on the same clips; ")


def test_it_is_the_best_baseline_and_its_paired_difference(corpus, splits, run, tmp_path, quiet) -> None:
    floor = floor_beside(corpus.cache, [Fitted(splits, [run])], quiet)
    study = baseline(corpus.cache, splits, replace(run.config, select="last"), tmp_path / "out")
    scores = {
        row.name: json.loads((study.path / row.runs[0] / "metrics.json").read_text())["valid"]["pearson"][
            "mean"
        ]
        for row in study.rows
    }
    best = max((value, name) for name, value in scores.items() if value is not None)
    assert (floor.score, floor.name) == (pytest.approx(best[0], abs=1e-6), best[1])
    assert floor.head == pytest.approx(run.metrics["valid"]["pearson"]["mean"], abs=1e-6)
    theirs = study.predictions(study.row(floor.name))
    rows = read_table(run.path / "predictions.csv").rows
    ours = np.array([[float(row[name]) for name in run.targets.names] for row in rows])[None]
    expected = paired_difference(study.truth, ours, theirs, "pearson", study.speakers)
    assert floor.difference.interval.low == pytest.approx(expected.interval.low, abs=1e-6)
    assert floor.difference.p_value == pytest.approx(expected.p_value, abs=1e-6)


def test_no_simple_model_without_a_defined_score(corpus, splits, small, tmp_path, quiet) -> None:
    """Labels that are constant among the reported clips."""
    valid = replace(splits.valid, targets=np.full_like(splits.valid.targets, 0.5))
    constant = replace(splits, valid=valid)
    run = fit(corpus.cache, constant, replace(small, select="last", epochs=1), tmp_path / "r", progress=quiet)
    assert floor_beside(corpus.cache, [Fitted(constant, [run])], quiet) is None


@pytest.mark.parametrize("more", [(), ("--ensemble", "2"), ("--folds", "3", "--group", "speaker")])
def test_every_fit_ends_with_it(cli, corpus, tmp_path, table, more) -> None:
    labels = table(
        tmp_path / "all.csv",
        ["clip_id", "a", "b", "speaker", "split"],
        [
            [clip, *corpus.truth[clip][:2], who, "train" if number < 60 else "valid"]
            for number, (clip, who) in enumerate(corpus.speakers.items())
        ],
    )
    args = [
        "fit",
        corpus.cache,
        "--labels",
        labels,
        "--hidden",
        3,
        "--epochs",
        1,
        "--out",
        tmp_path / "r",
        *more,
    ]
    code, out, err = cli(*args)
    assert code == 0, err
    (line,) = [line for line in out.splitlines() if line.startswith("floor: ")]
    assert "the head" in line.lower()
    code, out, _ = cli(*args, "--json")
    found = json.loads(out)["floor"]
    assert line.startswith(f"floor: {found['name']} reaches")
    code, out, _ = cli(*args, "--no-floor")
    assert code == 0
    assert "floor: " not in out


def test_nothing_is_reported_without_clips_to_report_on(cli, corpus, tmp_path) -> None:
    args = ["--labels", corpus.labels, "--hidden", 3, "--epochs", 1, "--select", "last", "--train-on-all"]
    code, out, err = cli("fit", corpus.cache, *args, "--out", tmp_path / "r")
    assert code == 0, err
    assert "floor" not in out
