"""Runs side by side: the paired statistics of their common clips, what differs first; unlike things are refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from train import fit
from train.errors import ConfigError, LabelError, RunError
from train.labels.folds import Folding
from train.labels.label_files import LabelFiles
from train.labels.read_tables import read_all_labels, read_files
from train.overview.side_by_side import side_by_side
from train.report.read_folds import read_folds
from train.report.run_study import study_of_run
from train.scores.folds import FoldScores
from train.scores.intervals import paired_difference, score_interval
from train.studies.cross_validation import fit_folds
from train.studies.options import RepeatOptions


@pytest.fixture(scope="module")
def other(corpus, small, quiet, tmp_path_factory):
    """A run of the same clips with another learning rate and loss."""
    out = tmp_path_factory.mktemp("other") / "other"
    config = replace(small, lr=1e-4, loss="mse+ccc")
    fit(corpus.cache, read_files(LabelFiles(labels=corpus.labels)), config, out, progress=quiet)
    return out


def test_scores_and_differences_are_those_of_the_statistics(kept, other, ensembled) -> None:
    found = side_by_side([kept, other, ensembled])
    studies = [study_of_run(path) for path in (kept, other, ensembled)]
    said = [study.predictions(study.rows[0]).mean(0, keepdims=True) for study in studies]
    truth, speakers = studies[0].truth, studies[0].speakers
    for score, values in zip(found.scores, said, strict=True):
        expected = score_interval(truth, values, "pearson", speakers)
        assert (score.estimate, score.low, score.high) == pytest.approx(
            (expected.estimate, expected.low, expected.high), abs=1e-9
        )
    for difference, values in zip(found.differences, said[1:], strict=True):
        expected = paired_difference(truth, values, said[0], "pearson", speakers)
        assert difference.interval.estimate == pytest.approx(expected.interval.estimate, abs=1e-9)
        assert difference.p_value == pytest.approx(expected.p_value, abs=1e-9)
    assert found.differing["lr"] == ["0.005", "0.0001", "0.005"]
    assert found.differing["loss"] == ["mse", "mse+ccc", "mse"]
    assert found.clips == 30
    assert all(p >= d.p_value for p, d in zip(found.p_values, found.differences, strict=True))


def test_folds_are_compared_fold_by_fold(folded, corpus, small, tmp_path) -> None:
    files = LabelFiles(labels=corpus.labels)
    labels, options = read_all_labels(files), RepeatOptions(tmp_path / "two", files=files)
    fit_folds(corpus.cache, labels, replace(small, epochs=1), Folding(3, "speaker"), options)
    found = side_by_side([folded, tmp_path / "two"])
    one, two = (FoldScores.of(read_folds(path).scored, "pearson") for path in (folded, tmp_path / "two"))
    assert found.differences[0].interval.estimate == pytest.approx(two.less(one).interval.estimate, abs=1e-9)
    assert found.differing["epochs"] == ["2", "1"]
    other = RepeatOptions(tmp_path / "five", files=files)
    fit_folds(corpus.cache, labels, replace(small, epochs=1), Folding(5, "speaker"), other)
    with pytest.raises(RunError, match="its folds are not those of"):
        side_by_side([folded, tmp_path / "five"])


def test_unlike_runs_are_refused_in_one_line(kept, corpus, table, small, quiet, tmp_path) -> None:
    ids = [*corpus.speakers]
    parts = ["train"] * 60 + ["valid"] * 30

    def fitted(name, names, change=0.0, clips=90):
        rows = [
            [clip, *(corpus.truth[clip][: len(names)] + change), part, corpus.speakers[clip]]
            for clip, part in list(zip(ids, parts, strict=True))[90 - clips :]
        ]
        path = table(tmp_path / f"{name}.csv", ["Filename", *names, "split", "speaker"], rows)
        out = tmp_path / name
        fit(corpus.cache, read_files(LabelFiles(labels=path)), replace(small, epochs=1), out, progress=quiet)
        return out

    names = ["Admiration", "Amusement", "Empathic Pain"]
    with pytest.raises(RunError, match="only runs of the same targets are compared"):
        side_by_side([kept, fitted("fewer", names[:2])])
    with pytest.raises(RunError, match="30 of 30 clips have other labels"):
        side_by_side([kept, fitted("shifted", names, 0.1)])
    with pytest.raises(ConfigError, match="found one run, expected two"):
        side_by_side([kept])
    with pytest.raises(LabelError, match="metric: found 'r2'"):
        side_by_side([kept, kept], "r2")


def test_the_command_says_settings_first_and_json(cli, kept, other, tmp_path) -> None:
    code, out, _ = cli("compare", kept, other)
    lines = out.splitlines()
    assert code == 0
    assert lines[0] == "30 clips that all of them report on"
    assert out.index("loss") < out.index("difference from the first") < out.index("interval (")
    code, out, _ = cli("compare", kept, other, "--metric", "ccc", "--json")
    assert json.loads(out)["metric"] == "ccc"
    assert np.isfinite(json.loads(out)["scores"][0]["estimate"])
    copied = shutil.copytree(kept, tmp_path / kept.name)
    code, out, _ = cli("compare", kept, copied)
    assert (code, "no setting differs (seeds aside)" in out) == (0, True)
    code, _, err = cli("compare", kept, tmp_path / "none")
    assert (code, len(err.splitlines())) == (1, 1)
