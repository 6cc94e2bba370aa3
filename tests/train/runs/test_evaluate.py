"""Scores of a finished head: of the labelled clips in the cache, and only for its own targets."""

from __future__ import annotations

from dataclasses import replace

import pytest

from train import evaluate
from train.errors import LabelError
from train.runs.evaluate import chosen_targets
from train.scores.metrics import score_all


def test_it_scores_the_cached_clips_and_counts_what_shaped_the_head(run, corpus, splits):
    from train import predict

    found = evaluate(run, corpus.cache, splits.train)
    predictions = predict(run, corpus.cache, splits.train.clip_ids).values
    expected = score_all(splits.train.targets, predictions, splits.train.names)
    assert found["scores"]["pearson"]["mean"] == pytest.approx(expected["pearson"]["mean"])
    assert (found["clips"], found["trained_on"], found["selected_on"]) == (60, 60, "inner")
    assert evaluate(run, corpus.cache, splits.valid)["trained_on"] == 0


def test_labels_of_other_targets_are_refused(run, corpus, splits):
    other = replace(splits.valid, names=("Joy", "Awe", "Fear"))
    with pytest.raises(LabelError, match="its targets are Joy, Awe, Fear, the run's are Admiration"):
        evaluate(run, corpus.cache, other)


def test_some_of_the_targets_are_scored_like_all_of_them(run, corpus, splits):
    whole, some = (
        evaluate(run, corpus.cache, each) for each in (splits.valid, splits.valid.of_targets([2, 0]))
    )
    each = whole["scores"]["pearson"]["per_target"]
    found = some["scores"]["pearson"]
    assert found["per_target"] == {name: each[name] for name in ("Empathic Pain", "Admiration")}
    assert found["mean"] == pytest.approx((each["Empathic Pain"] + each["Admiration"]) / 2)
    clipped = whole["scores_clipped"]["mae"]["per_target"]["Admiration"]
    assert some["scores_clipped"]["mae"]["per_target"]["Admiration"] == clipped


def test_targets_are_named_in_any_order_or_by_their_column(run):
    assert chosen_targets(run, None) == list(run.targets.names)
    assert chosen_targets(run, ["Empathic Pain", "Admiration"]) == ["Admiration", "Empathic Pain"]
    classes = replace(run, targets=replace(run.targets, names=("joy", "e=a", "e=b")))
    assert chosen_targets(classes, ["e"]) == ["e=a", "e=b"]
    assert chosen_targets(classes, ["e=b", "joy"]) == ["joy", "e=b"]
    assert chosen_targets(classes, ["joy=a1|a2"]) == ["joy=a1|a2"]  # the columns of annotators
    with pytest.raises(LabelError, match="has no target 'Joy', found Admiration, Amusement, Empathic Pain"):
        chosen_targets(run, ["Joy"])


def test_a_table_of_some_targets_is_enough(cli, run, corpus, table, tmp_path):
    rows = [[clip, corpus.truth[clip][1]] for clip in list(corpus.truth)[60:90]]
    few = table(tmp_path / "few.csv", ["clip_id", "Amusement"], rows)
    args = ["evaluate", run.path, corpus.cache, "--labels", few, "--permutations", 0]
    code, text, err = cli(*args, "--targets", "Amusement")
    assert code == 0, err
    assert "Admiration" not in text
    assert "\nAmusement" in text
    code, _, err = cli(*args)
    assert code == 1
    assert "no column 'Admiration', found clip_id, Amusement; name columns that it has with --targets" in err
