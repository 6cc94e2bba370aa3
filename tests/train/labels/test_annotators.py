"""Labels of several annotators, in a row each or in a column each, become their mean."""

from __future__ import annotations

import json

import numpy as np
import pytest

from train.errors import LabelError
from train.labels.annotators import Ratings
from train.labels.label_files import LabelFiles
from train.labels.read_tables import read_all_labels, read_files, read_labels

NAN = np.nan
LONG = ["clip_id", "rater", "Joy", "Awe", "speaker"]
ROWS = [
    ["a", "r1", 0.25, 1, "s"],
    ["b", "r1", 0.5, "", "t"],
    ["a", "r2", 0.75, "", "s"],
    ["c", "r2", 1, 0, "s"],
    ["a", "r3", 0.5, 0, "s"],
    ["d", "r3", "", "NA", "t"],
]


def test_a_row_for_each_rating_becomes_the_mean_of_each_clip(table, tmp_path):
    labels = read_labels(table(tmp_path / "l.csv", LONG, ROWS), annotators="rater")
    assert (labels.clip_ids, labels.names, labels.speakers) == (
        ("a", "b", "c"),
        ("Joy", "Awe"),
        ("s", "t", "s"),
    )
    np.testing.assert_array_equal(labels.targets, [[0.5, 0.5], [0.5, NAN], [1, 0]])
    assert labels.unlabelled == 1
    assert labels.ratings.who == ("r1", "r1", "r2", "r2", "r3")
    turned = labels.take([2, 0])
    np.testing.assert_array_equal(turned.ratings.means(2), turned.targets)
    np.testing.assert_array_equal(labels.of_targets([1]).ratings.means(3), labels.targets[:, [1]])


def test_a_column_for_each_annotator_becomes_their_mean(table, tmp_path):
    header = ["clip_id", "joy_1", "joy_2", "joy_3", "Awe"]
    path = table(
        tmp_path / "w.csv", header, [["a", 1, 0, "", 0.5], ["b", "", "", "", 1], ["c", 1, 1, 0, "NA"]]
    )
    labels = read_labels(path, targets=["joy = joy_1|joy_2 |joy_3", "Awe"])
    assert labels.names == ("joy", "Awe")
    np.testing.assert_allclose(labels.targets, [[0.5, 0.5], [NAN, 1], [2 / 3, NAN]])
    assert np.isnan(labels.ratings.values[:, 1]).all()
    with pytest.raises(LabelError, match=r"no column 'joy_4', found clip_id.*did you mean 'joy_"):
        read_labels(path, targets=["joy=joy_1|joy_4"])
    rows = [["x", 0, 1, 1, 1]]
    files = LabelFiles(path, table(tmp_path / "v.csv", header, rows), targets=["joy=joy_1|joy_2|joy_3"])
    assert read_files(files).valid.targets.tolist() == [[pytest.approx(2 / 3)]]
    assert read_all_labels(files).ratings.clips.max() == 2


def test_text_by_several_annotators_becomes_shares(table, tmp_path):
    rows = [["a", "r1", "sad"], ["a", "r2", "angry"], ["b", "r1", "sad"], ["b", "r2", "sad"]]
    path = table(tmp_path / "l.csv", ["clip_id", "rater", "mood"], rows)
    labels = read_labels(path, targets=["mood"], annotators="rater")
    assert labels.names == ("mood=angry", "mood=sad")
    assert labels.targets.tolist() == [[0.5, 0.5], [0, 1]]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (["a", "r1", 1, 1, "s"], "line 8: r1 rated clip a in line 2 already"),
        (["a", "?", 1, 1, "s"], "line 8: column rater: no annotator"),
        (["a", "r9", 1, 1, "t"], "line 8: another speaker for clip a"),
        (["a", "r9", "much", 1, "s"], "line 8, column Joy: found 'much'"),
    ],
)
def test_ratings_that_cannot_be_are_told_in_one_line(table, tmp_path, row, message):
    path = table(tmp_path / "l.csv", LONG, [*ROWS, row])
    with pytest.raises(LabelError, match=message) as caught:
        read_labels(path, annotators="rater")
    assert "\n" not in str(caught.value)


def test_the_column_of_annotators_is_one(table, tmp_path):
    path = table(tmp_path / "l.csv", LONG, ROWS)
    with pytest.raises(LabelError, match="no column 'who' of annotators"):
        read_labels(path, annotators="who")
    with pytest.raises(LabelError, match="rater is a target, and named with --weights or --annotators, too"):
        read_labels(path, targets=["rater"], annotators="rater")


def test_ratings_are_joined():
    one = Ratings(np.array([0, 1]), ("a", "b"), np.array([[1.0], [2.0]]))
    assert one.followed_by(one, 2).means(4).tolist() == [[1], [2], [1], [2]]


def test_annotators_go_through_every_command(cli, corpus, table, tmp_path):
    rng = np.random.default_rng(0)
    rows = [
        [clip, f"r{rater}", *np.round(values + rng.normal(0, 0.2, 3), 2), corpus.speakers[clip], split]
        for at, (clip, values) in enumerate(list(corpus.truth.items())[:90])
        for rater in range(3)
        for split in [("train", "valid")[at // 60]]
    ]
    labels = table(tmp_path / "l.csv", ["clip_id", "rater", "a", "b", "c", "speaker", "split"], rows)
    given = [corpus.cache, "--labels", labels, "--annotators", "rater"]
    fit = ["fit", *given, "--no-floor", "--hidden", 3, "--epochs", 2, "--threads", 1]
    run = tmp_path / "run"
    code, _, err = cli(*fit, "--out", run)
    assert code == 0, err
    assert "a: 3 annotators of 60 clips, pairwise r 0." in err
    told = json.loads((run / "metrics.json").read_text())["agreement"]["valid"]["b"]
    assert 0.8 < told["ceiling"] < 1
    assert cli("reproduce", run)[0] == 0
    assert cli("report", run)[0] == 0
    assert "annotators, valid" in (run / "report" / "report.md").read_text()
    code, _, err = cli("evaluate", run, *given, "--permutations", 0)
    assert code == 0, err
    code, _, err = cli(*fit, "--folds", 2, "--group", "speaker", "--out", tmp_path / "folds")
    assert code == 0, err
