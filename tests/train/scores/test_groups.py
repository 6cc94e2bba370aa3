"""Groups of clips: what can divide them, and what is said where a group has no interval."""

from __future__ import annotations

import numpy as np
import pytest

from train.errors import LabelError
from train.labels.read_tables import read_labels
from train.report.terminal import evidence_text
from train.scores.evidence import EvidenceOptions, evidence
from train.scores.groups import group_of_clips


class Durations:
    """A cache of which only the durations are asked for."""

    def clip_table(self, name: str, clip_ids: tuple[str, ...]) -> np.ndarray:
        assert name == "clips/duration"
        return np.arange(len(clip_ids), dtype=np.float64)


@pytest.fixture
def labels(table, tmp_path):
    rng = np.random.default_rng(0)
    rows = [[f"{clip:05}", *rng.random(2).round(6), "FM"[clip % 2]] for clip in range(8)]
    table(tmp_path / "labels.csv", ["Filename", "Joy", "Admiration", "Gender"], rows)
    return read_labels(tmp_path / "labels.csv")


@pytest.mark.parametrize(("by", "what"), [("Joy", "a target"), ("Filename", "the id")])
def test_a_column_that_leaves_nothing_to_score_is_refused(labels, by, what) -> None:
    with pytest.raises(LabelError, match=f"--by {by} is {what} column") as error:
        group_of_clips(labels, Durations(), by)
    assert "\n" not in str(error.value)


def test_few_clips_are_quartered_by_duration_too(labels) -> None:
    groups = group_of_clips(labels, Durations(), "duration")
    assert [groups.count(name) for name in sorted(set(groups))] == [2, 2, 2, 2]
    assert group_of_clips(labels, Durations(), "Gender") == tuple("FMFMFMFM")


def test_a_group_without_an_interval_says_why(labels) -> None:
    predictions = np.random.default_rng(1).random((1, 8, 2))
    options = EvidenceOptions(permutations=0)
    groups = group_of_clips(labels, Durations(), "duration")
    text = evidence_text(evidence(labels, predictions, "pearson", options, groups))
    assert text.count("[no interval]:") == 1
    assert "[no interval]: with one of the clips left out the score is undefined" in text
    assert "[no interval]:" not in evidence_text(
        evidence(labels, predictions, "pearson", options, tuple("FMFMFMFM"))
    )
