"""Evidence for a score: values of interval, chance, an assumed ICC and groups, ready to become JSON."""

from __future__ import annotations

import json

import numpy as np
import pytest

from cache.common.console import json_ready
from train.labels.read_tables import read_labels
from train.scores.evidence import EvidenceOptions, evidence
from train.scores.intervals import assumed_icc, score_interval
from train.scores.wording import interval_caption


@pytest.fixture(scope="module")
def labels(table, tmp_path_factory):
    """40 clips of unknown speakers."""
    path = tmp_path_factory.mktemp("labels") / "labels.csv"
    rows = [[f"{clip:03}", *np.random.default_rng(clip).random(2)] for clip in range(40)]
    return read_labels(table(path, ["id", "Joy", "Fear"], rows))


@pytest.fixture(scope="module")
def predictions(labels):
    return labels.targets[None] + 0.2 * np.random.default_rng(0).standard_normal((1, 40, 2))


def test_the_interval_is_that_of_the_mean_and_of_each_emotion(labels, predictions) -> None:
    values = evidence(labels, predictions, "ccc", EvidenceOptions(permutations=20))
    whole = score_interval(labels.targets, predictions, "ccc", labels.speakers)
    assert values["metric"] == "ccc"
    assert values["interval"]["estimate"] == whole.estimate
    assert values["interval"]["caption"] == interval_caption(whole)
    assert set(values["per_target"]) == {"Joy", "Fear"}
    assert values["null"]["permutations"] == 20
    assert not {"assumed_icc", "groups"} & set(values)
    assert json.dumps(json_ready(values), allow_nan=False)


def test_options_name_the_metric_and_an_icc_widens_correlations_only(labels, predictions) -> None:
    asked = {"permutations": 0, "icc": 0.2}
    values = evidence(labels, predictions, "ccc", EvidenceOptions(metric="pearson", **asked))
    assert values["metric"] == "pearson"
    assert "null" not in values
    wide, interval = values["assumed_icc"], values["interval"]
    assert wide["factor"] == assumed_icc(0.2, wide["clips_per_speaker"])
    assert wide["low"] < interval["low"]
    assert "assumed_icc" not in evidence(labels, predictions, "mae", EvidenceOptions(**asked))


def test_groups_are_scored_apart(labels, predictions) -> None:
    groups = ["b" if clip % 2 else "a" for clip in range(40)]
    options = EvidenceOptions(permutations=0)
    values = evidence(labels, predictions, "pearson", options, groups)["groups"]
    assert [(each["group"], each["clips"], each["speakers"]) for each in values] == [
        ("a", 20, None),
        ("b", 20, None),
    ]
    where = np.arange(0, 40, 2)
    alone = score_interval(labels.targets[where], predictions[:, where], "pearson", None)
    assert values[0]["estimate"] == alone.estimate
