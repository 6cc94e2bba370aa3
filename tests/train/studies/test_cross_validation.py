"""Folds: speakers stay together, the mean over folds counts, and why the pooled correlation does not."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from train import read_labels
from train.errors import ConfigError, LabelError
from train.labels.folds import Folding, divide
from train.scores.intervals import interval_of_folds
from train.scores.metrics import pearson

OPTIONS = ["--hidden", 3, "--epochs", 1, "--batch-size", 16, "--threads", 1]


def test_folds_by_speaker_report_every_clip_once(cli, corpus, tmp_path):
    out = tmp_path / "folds"
    args = ["fit", corpus.cache, "--labels", corpus.labels, "--out", out, "--folds", 3, *OPTIONS]
    code, text, err = cli(*args, "--group", "speaker", "--json")
    assert code == 0
    found = json.loads(text)
    assert (found["folds"], found["divided"]) == (3, "by speaker")
    assert sum(run["clips"] for run in found["runs"]) == 90
    assert found["mean"]["estimate"] == pytest.approx(np.mean([run["score"] for run in found["runs"]]))
    assert found["mean"]["low"] < found["mean"]["estimate"] < found["mean"]["high"]
    assert found["mean"]["clusters"] == 15
    assert "each fold's head has its own offset" in found["pooled"]["note"]
    with (out / "pooled.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert sorted(row["Filename"] for row in rows) == sorted(corpus.speakers)
    people = [{corpus.speakers[row["Filename"]] for row in rows if row["fold"] == n} for n in "123"]
    assert not (people[0] & people[1] | people[1] & people[2] | people[0] & people[2])
    metrics = json.loads((out / "fold-1" / "metrics.json").read_text())
    assert metrics["valid"]["pearson"]["mean"] == pytest.approx(found["runs"][0]["score"], abs=1e-6)
    assert "speakers, train and valid" in err
    code, text, _ = cli(*args, "--group", "speaker")  # finished: nothing to do, the same result
    assert code == 0
    assert "mean pearson over the folds" in text
    assert "biased" in text


def test_folds_without_a_group_are_refused_or_say_so(cli, corpus, tmp_path):
    args = ["fit", corpus.cache, "--labels", corpus.labels, "--out", tmp_path / "f", "--folds", 2, *OPTIONS]
    code, _, err = cli(*args)
    assert (code, len(err.splitlines())) == (1, 1)
    assert "use --group speaker, or --allow-speaker-overlap" in err
    code, text, _ = cli(*args, "--allow-speaker-overlap")
    assert code == 0
    assert "speakers are in training and in the fold: too high" in text


def test_one_table_without_a_split_is_divided_whole(cli, corpus, table, tmp_path):
    rows = [[clip, *values, corpus.speakers.get(clip, "x")] for clip, values in corpus.truth.items()]
    path = table(tmp_path / "all.csv", ["clip_id", "a", "b", "c", "speaker"], rows)
    args = [
        "fit",
        corpus.cache,
        "--labels",
        path,
        "--out",
        tmp_path / "f",
        "--folds",
        2,
        "--group",
        "speaker",
    ]
    code, text, _ = cli(*args, *OPTIONS, "--json")
    assert code == 0
    assert sum(run["clips"] for run in json.loads(text)["runs"]) == 95


def test_unknown_speakers_and_too_many_folds_are_refused(corpus, table, tmp_path):
    with pytest.raises(ConfigError, match="folds: found 1"):
        Folding(1, "speaker")
    with pytest.raises(ConfigError, match="group: found 'country'"):
        Folding(3, "country")
    labels = read_labels(corpus.labels / "valid_split.csv")
    with pytest.raises(LabelError, match="5 speakers for 6 folds"):
        divide(labels, Folding(6, "speaker"))
    path = table(
        tmp_path / "l.csv", ["id", "Joy", "speaker"], [["1", 0.1, "a"], ["2", 0.2, ""], ["3", 0.3, "c"]]
    )
    with pytest.raises(LabelError, match="1 of 3 clips have no known speaker"):
        divide(read_labels(path), Folding(2, "speaker"))


def test_pooled_predictions_of_a_head_that_knows_nothing_correlate_below_zero():
    rng = np.random.default_rng(0)
    truth = rng.standard_normal((100, 1))
    folds = np.array_split(rng.permutation(100), 5)
    predicted = np.empty_like(truth)
    for fold in folds:
        predicted[fold] = np.delete(truth, fold, axis=0).mean()  # the mean of what it was trained on
    predicted += 1e-3 * rng.standard_normal(truth.shape)
    within = [pearson(truth[fold], predicted[fold])[0] for fold in folds]
    assert abs(np.mean(within)) < 0.2
    assert pearson(truth, predicted)[0] < -0.1


def test_the_interval_of_folds_is_that_of_their_mean():
    rng = np.random.default_rng(0)
    folds = []
    for size in (60, 80):
        truth = rng.standard_normal((size, 2))
        folds.append((truth, truth + rng.standard_normal((size, 2)), [str(i // 2) for i in range(size)]))
    interval = interval_of_folds(folds, "pearson")
    scores = [pearson(truth, prediction).mean() for truth, prediction, _ in folds]
    assert interval.estimate == pytest.approx(np.mean(scores))
    assert (interval.by, interval.clusters) == ("speaker", 70)
    one = interval_of_folds(folds[:1], "pearson")
    assert interval.high - interval.low < 0.85 * (one.high - one.low)
