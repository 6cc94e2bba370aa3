"""A folder as a page shows it: its rows are those of the statistics, its sections those of the Markdown page."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cache import CacheReader
from train.errors import RunError
from train.report.ensemble_section import TOGETHER
from train.report.html.source import read_source
from train.report.page import write_report
from train.report.read_folds import read_folds
from train.report.run_study import study_of_run
from train.scores.folds import FoldScores
from train.scores.intervals import score_interval


def test_a_run_is_one_row(kept, corpus):
    source, study = read_source(kept), study_of_run(kept)
    (row,) = source.rows
    assert (source.kind, row.name, source.reference) == ("one head", kept.name, kept.name)
    assert FoldScores.of(row.folds, "pearson").interval() == score_interval(
        study.truth, study.predictions(study.rows[0]), "pearson", study.speakers
    )
    with CacheReader(corpus.cache) as reader:
        lengths = reader.clip_table("clips/duration", source.clips.ids)
    np.testing.assert_allclose(source.clips.seconds, lengths)
    assert set(source.clips.parts) == {"reported"}


def test_an_ensemble_has_its_own_score_first(ensembled):
    source = read_source(ensembled)
    assert [row.name for row in source.rows] == [TOGETHER, "one head, mean over seeds", "seed-0", "seed-1"]
    whole, one, *heads = [row.folds[0].heads for row in source.rows]
    np.testing.assert_allclose(whole[0], one.mean(0))
    np.testing.assert_array_equal(np.concatenate(heads), one)
    assert source.reference == TOGETHER
    assert "one ensemble, so without the variation between ensembles" in source.caption


def test_a_cross_validation_knows_the_fold_of_each_clip(folded):
    source, found = read_source(folded), read_folds(folded)
    assert source.clips.parts == tuple(fold.part for fold in found.folds for _ in range(len(fold.labels)))
    assert (
        FoldScores.of(source.rows[0].folds, "pearson").interval()
        == FoldScores.of(found.scored, "pearson").interval()
    )
    assert list(source.curves) == ["fold-1", "fold-2", "fold-3"]
    assert np.isfinite(source.clips.seconds).all()


@pytest.mark.parametrize("which", ["kept", "ensembled", "folded"])
def test_its_sections_are_those_of_the_markdown_page(which, request, tmp_path):
    path = request.getfixturevalue(which)
    text = write_report(path, tmp_path).read_text(encoding="utf-8")
    source = read_source(path)
    for part in (*source.tables, *source.sections):
        assert part in text
    shown = {part for part in (*source.tables, *source.sections) if part.startswith("## ")}
    written = {line for line in text.splitlines() if line.startswith("## ")}
    assert written - shown <= {"## Scores", "## Predictions", "## Learning curves"}
    assert {"## Coverage", "## Audit", "## Settings", "## Reproduce"} <= shown


def test_a_cache_that_is_gone_leaves_lengths_unknown(kept, corpus, monkeypatch):
    monkeypatch.setattr("train.report.html.source.places_in", lambda told: Path(told) / "gone")
    assert np.isnan(read_source(kept).clips.seconds).all()


def test_a_folder_that_is_nothing(tmp_path):
    with pytest.raises(RunError, match="not a finished run"):
        read_source(tmp_path)
