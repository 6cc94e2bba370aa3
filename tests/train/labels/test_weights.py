"""Weights of clips: read from a column, brought to a mean of 1, part of what makes a fit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cache import CacheReader
from train import FitConfig, Splits, fit
from train.errors import LabelError
from train.fitting.checkpoint import Choice
from train.fitting.start import refit_task
from train.fitting.task import plan_fit
from train.labels.label_files import LabelFiles
from train.labels.read_tables import read_all_labels, read_files
from train.labels.weights import normalised, weight_lines

HEADER = ["clip_id", "Joy", "votes"]
TRAIN = [["a", 0.1, 1], ["b", 0.2, 0], ["c", 0.3, 5]]


def files_of(table, folder, rows=TRAIN, valid=(["x", 0.1, 9], ["y", 0.2, 9]), header=HEADER, **more):
    train = table(folder / "t.csv", HEADER, rows)
    return LabelFiles(train, table(folder / "v.csv", header, valid), weights="votes", **more)


def test_weights_are_no_target_and_have_a_mean_of_one_where_it_counts(table, tmp_path):
    splits = read_files(files_of(table, tmp_path))
    assert splits.train.names == splits.valid.names == ("Joy",)
    parts = splits.train, splits.valid
    assert normalised(parts, np.arange(3)).tolist() == [0.5, 0, 2.5, 4.5, 4.5]
    assert normalised(parts, np.array([0, 2])).tolist()[:3] == pytest.approx([1 / 3, 0, 5 / 3])
    assert weight_lines(splits.train)[0].endswith(
        "clips weighted by votes, 0 to 2.5 times their mean; 3 count like 1 of equal weight"
    )
    assert weight_lines(replace(splits.train, weights=None)) == []
    assert splits.train.take([2, 0]).weights.tolist() == [5, 1]
    assert LabelFiles.from_dict(splits.origin).weights == "votes"
    assert read_all_labels(splits.files).weights.tolist() == [1, 0, 5, 9, 9]


@pytest.mark.parametrize(
    ("value", "found"), [(-1, "'-1'"), ("", "''"), ("many", "'many'"), ("nan", "'nan'"), ("inf", "'inf'")]
)
def test_what_is_no_weight_is_told_in_one_line(table, tmp_path, value, found):
    with pytest.raises(LabelError, match=rf"t\.csv, line 3, column votes: found {found}, expected a weight"):
        read_files(files_of(table, tmp_path, [TRAIN[0], ["b", 0.2, value], TRAIN[2]]))


def test_columns_that_cannot_be_weights_are_told(table, tmp_path):
    with pytest.raises(LabelError, match="votes is a target, and named with --weights"):
        read_files(files_of(table, tmp_path, targets=["Joy", "votes"]))
    with pytest.raises(LabelError, match="no column 'vote' of weights, found clip_id, Joy, votes"):
        read_files(replace(files_of(table, tmp_path), weights="vote"))
    nothing = read_files(files_of(table, tmp_path, [[*row[:2], 0] for row in TRAIN]))
    with pytest.raises(LabelError, match="weights of all 3 clips to train on are 0"):
        normalised((nothing.train, nothing.valid), np.arange(3))


def test_only_clips_that_are_trained_on_need_a_weight(table, tmp_path):
    splits = read_files(files_of(table, tmp_path, valid=[["x", 0.1], ["y", 0.2]], header=HEADER[:2]))
    parts = splits.train, splits.valid
    assert normalised(parts, np.arange(3)).tolist() == [0.5, 0, 2.5, 1, 1]
    for need_all in (lambda: normalised(parts, np.arange(5)), lambda: read_all_labels(splits.files)):
        with pytest.raises(LabelError, match=r"v\.csv: no column 'votes' of weights"):
            need_all()


@pytest.fixture
def weighted(splits):
    weights = np.where(np.arange(60) < 30, 0.0, 2.0)
    return Splits(replace(splits.train, weights=weights, weighted_by="votes"), splits.valid)


def test_clips_of_no_weight_teach_nothing(corpus, splits, weighted, small, quiet, tmp_path):
    config = replace(small, select="last", batch_size=60)
    garbled = weighted.train.targets.copy()
    garbled[:30] = garbled[:30][::-1]
    other = Splits(replace(weighted.train, targets=garbled), weighted.valid)
    runs = [
        fit(corpus.cache, labels, config, tmp_path / name, progress=quiet)
        for name, labels in (("one", weighted), ("other", other), ("plain", splits))
    ]
    texts = [(run.path / "predictions.csv").read_text() for run in runs]
    assert texts[0] == texts[1] != texts[2]
    assert runs[0].metrics["weighted_by"] == "votes"
    assert "weighted_by" not in runs[2].metrics


def test_other_weights_make_another_fit(corpus, splits, weighted):
    twice = Splits(replace(weighted.train, weights=2 * weighted.train.weights), weighted.valid)
    turned = Splits(replace(weighted.train, weights=weighted.train.weights[::-1]), weighted.valid)
    with CacheReader(corpus.cache) as reader:
        plain, one, two, three = (
            plan_fit(reader, labels, FitConfig()).identity for labels in (splits, weighted, twice, turned)
        )
    assert one == two  # it is their proportions that count
    assert [part for part in one if one[part] != three[part]] == ["clips and labels"]
    assert [part for part in one if one[part] != plain[part]] == ["clips and labels"]


def test_weights_go_through_fits_folds_and_their_repetition(cli, corpus, table, tmp_path):
    rows = [
        [clip, *values, corpus.speakers[clip], at % 3, "train" if at < 60 else "valid"]
        for at, (clip, values) in enumerate(list(corpus.truth.items())[:90])
    ]
    labels = table(tmp_path / "l.csv", ["clip_id", "a", "b", "c", "speaker", "votes", "split"], rows)
    args = ["fit", corpus.cache, "--labels", labels, "--weights", "votes", "--no-floor", "--loss", "mse+ccc"]
    args += ["--hidden", 3, "--epochs", 2, "--threads", 1]
    code, _, err = cli(*args, "--out", tmp_path / "run")
    assert code == 0, err
    assert "60 count like 36 of equal weight" in err
    assert cli("reproduce", tmp_path / "run")[0] == 0
    code, _, err = cli(*args, "--folds", 3, "--group", "speaker", "--out", tmp_path / "folds")
    assert code == 0, err
    assert (tmp_path / "folds" / "fold-1.train.csv").read_text().startswith("clip_id,a,b,c,speaker,votes\n")


def test_weights_have_a_mean_of_one_over_the_clips_of_each_pass(corpus, splits):
    labels = Splits(replace(splits.train, weights=np.arange(60.0), weighted_by="votes"), splits.valid)
    with CacheReader(corpus.cache) as reader:
        first = plan_fit(reader, labels, FitConfig(refit=True))
    second = refit_task(first, Choice(1, None, []))
    for task in (first, second):
        assert task.weights[task.parts["fit"]].mean() == pytest.approx(1)
    assert len(second.parts["fit"]) == 60 > len(first.parts["fit"])
    np.testing.assert_allclose(second.weights[:60], np.arange(60) / 29.5)
