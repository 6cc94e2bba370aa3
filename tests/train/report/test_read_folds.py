"""A cross-validation is read back as it was scored; a damaged one is refused in one line."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from train.errors import RunError
from train.report.read_folds import read_folds
from train.scores.metrics import pearson


def test_every_fold_has_its_labels_and_predictions(folded, corpus):
    found = read_folds(folded)
    stored = json.loads((folded / "folds.json").read_text())
    assert (found.metric, found.divided, len(found.folds)) == ("pearson", "by speaker", 3)
    assert found.inputs["group"] == "speaker"
    ids = [clip for fold in found.folds for clip in fold.labels.clip_ids]
    assert sorted(ids) == sorted(corpus.speakers)
    for fold, run in zip(found.folds, stored["runs"], strict=True):
        truth = np.array([corpus.truth[clip] for clip in fold.labels.clip_ids])
        np.testing.assert_array_equal(fold.labels.targets, truth)
        assert pearson(truth, fold.predictions).mean() == pytest.approx(run["score"], abs=1e-6)
        assert fold.scored.speakers == tuple(corpus.speakers[clip] for clip in fold.labels.clip_ids)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"runs": []}, "names no runs"),
        ({"runs": [{"run": "../elsewhere"}]}, "names no runs"),
        ({"runs": 3}, "not a cross-validation"),
        ({"metric": None}, "metric"),
    ],
)
def test_a_damaged_one_is_refused(folded, tmp_path, as_older, values, expected):
    copy = as_older(shutil.copytree(folded, tmp_path / "copy"))
    stored = json.loads((copy / "folds.json").read_text())
    (copy / "folds.json").write_text(json.dumps({**stored, **values}))
    with pytest.raises((RunError, ValueError), match=expected):
        read_folds(copy)
