"""Results in a terminal, from values: of a fit, an evaluation, an ensemble, folds and fidelity."""

from __future__ import annotations

import math

import pytest

from train.report.terminal import (
    ensemble_text,
    evaluation_text,
    evidence_text,
    few_orders,
    fidelity_text,
    folds_text,
    results_text,
    score_table,
)
from train.scores.estimates import Difference, Interval
from train.scores.evidence import described
from train.scores.wording import interval_caption
from train.studies.ensemble import Ensemble
from train.studies.fidelity import Fidelity

INTERVAL = Interval(0.5, -0.1, 0.7, 0.95, "speaker", 30, 30.0, 1, "Student's t")
SCORES = {
    "pearson": {"mean": 0.5, "per_target": {"Joy": 0.5}},
    "mae": {"mean": None, "per_target": {"Joy": None}},
}
TABLE = "            mae    pearson\nmean  undefined      0.500\nJoy   undefined      0.500"


def test_the_metric_that_counts_leads_the_table() -> None:
    assert score_table(SCORES, ["Joy"], "mae") == TABLE
    assert score_table(SCORES, ["Joy"]).splitlines()[0] == "        pearson        mae"


def test_a_fit_shows_its_sentence_scores_and_interval() -> None:
    metrics = {
        "statement": "trained on 9 clips",
        "valid": SCORES,
        "clips": {"valid": 1},
        "selected_on": "valid",
        "metric": "mae",
        "interval": described(INTERVAL),
    }
    assert results_text(metrics, ["Joy"]) == (
        f"trained on 9 clips\n\nscores on 1 validation clip, selected on valid\n{TABLE}\n\n"
        f"mean mae 0.500 [-0.100, 0.700]\n  {interval_caption(INTERVAL)}"
    )
    assert results_text({**metrics, "interval": None}, ["Joy"]).endswith(TABLE)
    assert results_text({**metrics, "valid": None}, ["Joy"]) == "trained on 9 clips"


@pytest.fixture
def result():
    return {
        "metric": "mae",
        "interval": described(INTERVAL),
        "scores": SCORES,
        "scores_clipped": SCORES,
        "clips": 9,
        "coverage": {"cached": 9, "labelled": 10},
        "trained_on": 0,
        "selected_on": "inner",
        "recipe_diff": [],
    }


def test_an_evaluation_warns_of_what_makes_scores_too_high(result) -> None:
    text = evaluation_text(result, ["Joy"])
    assert text.startswith(f"scores on 9 clips (9 of 10 labelled are cached)\n\n{TABLE}\n\nmean mae 0.500")
    assert text.endswith(f"clipped to the range of the training labels\n{TABLE}")
    assert "warning" not in text
    result |= {"selected_on": "valid", "trained_on": 3, "recipe_diff": ["layers: 1 -> 2"]}
    text = evaluation_text(result, ["Joy"])
    assert "; the run's epoch was selected on valid" in text
    assert "warning: 3 of these clips shaped this head" in text
    assert "(trained -> found):\n  layers: 1 -> 2" in text
    assert "does not say which clips" in evaluation_text({**result, "trained_on": None}, ["Joy"])


def test_evidence_is_shown_as_far_as_it_was_asked_for() -> None:
    null = {"mean": 0.0, "upper": 0.2, "p_value": 0.0005, "permutations": 99, "by": "speaker"}
    wide = {"icc": 0.2, "clips_per_speaker": 31.0, "factor": 1.48321, "low": -0.3, "high": 0.8}
    low = {**described(INTERVAL), "warnings": ["warning: few"]}
    none = {**described(INTERVAL), "low": None, "high": math.nan, "why_none": "because", "warnings": []}
    groups = [
        {"group": "F", "clips": 5, "speakers": 2, **low},
        {"group": "other", "clips": 12, "speakers": None, **none},
    ]
    text = evidence_text(
        {
            "metric": "ccc",
            "interval": described(INTERVAL),
            "null": null,
            "assumed_icc": wide,
            "groups": groups,
        }
    )
    assert text.splitlines()[2:] == [
        "  with an intra-class correlation of 0.2 and 31 clips per speaker it would be 1.48 times as wide: "
        "[-0.300, 0.800]",
        "chance alone: 0.000, 95th percentile 0.200, p < 0.001 (99 permutations of speakers)",
        "",
        "group   clips  speakers  score",
        "F           5         2  0.500 [-0.100, 0.700]  warning: few",
        "other      12   unknown  0.500 [no interval]",
        "[no interval]: because",
        "a score within a group is not comparable with one over all: the labels vary less there",
    ]


def test_few_speakers_have_few_orders() -> None:
    assert few_orders(3, "speaker").startswith("; warning: only 3 speakers in 6 orders")
    assert few_orders(7, "speaker") == ""


def test_an_ensemble_names_its_seeds_and_what_each_scores_alone() -> None:
    ensemble = Ensemble(("seed-3", "seed-4"), (3, 4), "mae", (0.25, None), SCORES, ("Joy",))
    assert ensemble_text(ensemble) == (
        f"2 heads, seeds 3 to 4; alone: 0.250, undefined (mae)\n\nscores of their mean prediction\n{TABLE}"
    )
    final = Ensemble(("seed-3",), (3,), "mae", (), None, ("Joy",))
    assert ensemble_text(final) == "1 heads, seeds 3 to 3"


def test_folds_show_each_score_their_means_and_why_pooled_is_biased() -> None:
    runs = [
        {"run": "fold-1", "name": "s01", "clips": 9, "speakers": 1, "score": 0.25},
        {"run": "fold-2", "name": "s2", "clips": 1, "speakers": None, "score": None},
    ]
    nothing = {**described(INTERVAL), "low": None, "high": None, "why_none": "one speaker"}
    found = {"folds": 2, "divided": "by speaker", "metric": "ccc", "runs": runs}
    found |= {"mean": described(INTERVAL), "pooled": {"score": 0.1, "note": "biased"}}
    found["per_target"] = {"joy": {**described(INTERVAL), "folds": 2}, "fear": {**nothing, "folds": 1}}
    found["scores"] = {"ccc": {"mean": 0.5, "per_target": {"joy": 0.5, "fear": 0.25}}}
    assert folds_text(found).splitlines() == [
        "2 folds, divided by speaker",
        "",
        "fold-1  s01      0.250  9 clips of 1 speaker",
        "fold-2  s2   undefined  1 clip",
        "",
        "means over the folds",
        "            ccc",
        "mean      0.500",
        "joy       0.500",
        "fear      0.250",
        "",
        "mean ccc over the folds 0.500 [-0.100, 0.700]",
        f"  {interval_caption(INTERVAL)}",
        "  joy   0.500 [-0.100, 0.700]",
        "  fear  0.500 [no interval]    defined in 1 of 2 folds; one speaker",
        "",
        "pooled 0.100: biased",
    ]


def test_fidelity_shows_both_scores_and_their_difference() -> None:
    result = Fidelity("ccc", INTERVAL, INTERVAL, Difference(INTERVAL, 0.0345), 3, "A study.")
    assert fidelity_text(result) == (
        "full     ccc 0.500   compact  ccc 0.500\n"
        f"difference (compact − full)  0.500 [−0.100, 0.700], p 0.035\n\nA study. {interval_caption(INTERVAL)}"
    )
