"""A metric is added by one module and one registration: it is then computed, judged, permuted and shown."""

from __future__ import annotations

import json
import math
import subprocess
import sys

import numpy as np
import pytest

from train import evaluate
from train.errors import LabelError
from train.report.table import build_table
from train.report.terminal import evaluation_text
from train.scores.evidence import EvidenceOptions
from train.scores.intervals import paired_difference, score_interval
from train.scores.metrics import as_columns, pearson
from train.scores.permutation import permutation_null
from train.scores.registry import (
    CHOOSING,
    METRICS,
    MetricTraits,
    forget_metric,
    register_metric,
    traits_of,
)
from train.studies.scored import score_rows


def r2(truth, prediction) -> np.ndarray:
    """Share of the labels' variance that is explained, at most 1; NaN where they do not vary."""
    one, two = as_columns(truth, prediction)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(one.var(0) > 0, 1 - ((one - two) ** 2).mean(0) / one.var(0), np.nan)


@pytest.fixture
def registered():
    traits = MetricTraits("R²", lowest=-math.inf, highest=1.0)
    register_metric("r2", f"{__name__}:r2", "share of the variance that is explained", traits)
    yield
    forget_metric("r2")


def test_a_new_metric_is_evaluated_and_its_evidence_is_shown(registered, run, corpus, splits) -> None:
    options = EvidenceOptions(metric="r2", permutations=30)
    result = evaluate(run, corpus.cache, splits.valid, options=options)
    assert result["interval"]["estimate"] == pytest.approx(result["scores"]["r2"]["mean"])
    assert result["interval"]["high"] <= 1
    assert result["null"]["observed"] > result["null"]["upper"]
    text = evaluation_text(result, run.targets.names)
    assert f"mean r2 {result['interval']['estimate']:.3f} [" in text
    assert text.splitlines()[2].split()[0] == "r2", "the metric that counts leads the table"


def test_a_new_metric_has_its_interval_by_writing_clips_out_and_leads_a_table(registered, study_of) -> None:
    rng = np.random.default_rng(0)
    truth = rng.standard_normal((60, 2))
    rows = {"good": truth + 0.3 * rng.standard_normal((2, 60, 2)), "bad": rng.standard_normal((2, 60, 2))}
    interval = score_interval(truth, rows["good"], "r2")
    assert interval.method == "Student's t"
    assert interval.low < interval.estimate < interval.high <= 1
    difference = paired_difference(truth, rows["good"], rows["bad"], "r2")
    assert difference.interval.low > 0
    study = study_of(truth, rows, "r2")
    table = build_table(study, score_rows(study))
    assert table.titles[1] == "R² [95 %]"
    assert table.columns[1].cells[0].startswith(f"{interval.estimate:.3f} [")


def test_whether_higher_is_better_decides_what_chance_has_to_reach(registered) -> None:
    rng = np.random.default_rng(0)
    truth = rng.standard_normal((40, 1))
    assert permutation_null(truth, truth[None] + 0.1, "r2", permutations=50).p_value == pytest.approx(1 / 51)
    assert permutation_null(truth, truth[None] + 0.1, "mae", permutations=50).p_value == pytest.approx(1 / 51)


def test_the_registry_knows_homes_signs_and_what_may_choose_an_epoch() -> None:
    assert list(METRICS) == ["pearson", "ccc", "spearman", "mae", "uar", "macro-f1"]
    assert METRICS.get("pearson") is pearson
    assert CHOOSING == ("pearson", "ccc", "spearman", "uar", "macro-f1")
    signs = [traits_of(name).sign for name in METRICS]
    assert signs == ["ρ", "CCC", "Spearman's ρ", "MAE", "UAR", "macro F1"]
    assert all(traits_of(name).higher_is_better for name in CHOOSING)
    with pytest.raises(LabelError, match=r"metric: found 'pearsn', expected pearson.*did you mean 'pearson'"):
        traits_of("pearsn")


def test_names_and_words_of_metrics_load_neither_numpy_nor_torch() -> None:
    code = (
        "import sys, json; from train.scores.wording import metric_sign, interval_text; "
        "print(json.dumps([metric_sign('pearson'), interval_text(0.5, None, None), "
        "[name for name in ('numpy', 'torch', 'scipy') if name in sys.modules]]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == ["ρ", "0.500 [no interval]", []]
