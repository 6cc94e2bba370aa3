"""A run as a study of one row: its labels are found again, and other ones are refused."""

from __future__ import annotations

import numpy as np
import pytest

from train import load_run, read_labels
from train.errors import LabelError
from train.report.run_study import ONE_HEAD, reported_by, study_of_run
from train.scores.metrics import pearson


def test_a_run_and_an_ensemble_are_studies_of_one_row(kept, ensembled, corpus):
    study = study_of_run(kept)
    assert [row.name for row in study.rows] == [kept.name]
    assert study.caption.startswith("Trained on ")
    score = pearson(study.truth, study.predictions(study.rows[0])[0]).mean()
    assert score == pytest.approx(load_run(kept).metrics["valid"]["pearson"]["mean"], abs=1e-6)
    study = study_of_run(ensembled)
    assert [row.name for row in study.rows] == [ONE_HEAD]
    assert study.predictions(study.rows[0]).shape == (2, 30, 3)


def test_labels_that_do_not_fit_the_run_are_refused(kept, corpus):
    run, labels = load_run(kept), read_labels(corpus.labels / "valid_split.csv")
    found, values = reported_by(kept, run.metrics, labels.take(range(len(labels))[::-1]))
    assert found.clip_ids == labels.clip_ids
    assert values.shape == np.shape(labels.targets)
    with pytest.raises(LabelError, match="no label for clip"):
        reported_by(kept, run.metrics, labels.take(range(5)))
    labels.targets[0, 0] += 0.5
    with pytest.raises(LabelError, match="the labels have changed since the fit"):
        reported_by(kept, run.metrics, labels)
