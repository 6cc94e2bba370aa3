"""Target columns: numbers with cells that say nothing, and columns of classes."""

from __future__ import annotations

import numpy as np
import pytest

from train.errors import LabelError
from train.labels.label_files import LabelFiles
from train.labels.read_tables import read_all_labels, read_files, read_labels

NAN = np.nan


@pytest.mark.parametrize("nothing", ["", " ", "NA", "n/a", "NaN", "None", "?", "-", "<NA>", "null"])
def test_a_cell_that_says_nothing_is_a_missing_label(table, tmp_path, nothing):
    rows = [["a", 0.5, nothing], ["b", nothing, 0.25], ["c", 1, 2]]
    labels = read_labels(table(tmp_path / "t.csv", ["clip_id", "Joy", "Awe"], rows))
    np.testing.assert_array_equal(labels.targets, [[0.5, NAN], [NAN, 0.25], [1, 2]])


def test_a_column_is_a_target_if_what_it_holds_are_numbers(table, tmp_path):
    rows = [["a", "", 0.25], ["b", "", 0.5], ["c", 1, 2], ["d", "NA", 1]]
    path = table(tmp_path / "t.csv", ["clip_id", "Joy", "Awe"], rows)
    assert read_labels(path).names == ("Joy", "Awe")


def test_clips_without_any_label_are_left_out_and_counted(table, tmp_path):
    header = ["clip_id", "Joy", "Awe", "speaker"]
    path = table(tmp_path / "t.csv", header, [["a", 1, 0, "x"], ["b", "", "NA", ""], ["c", "", 1, "y"]])
    labels = read_labels(path)
    assert (labels.clip_ids, labels.speakers, labels.unlabelled) == (("a", "c"), ("x", "y"), 1)
    bare = table(tmp_path / "u.csv", header, [["a", "", "", "x"]])
    with pytest.raises(LabelError, match=r"none of its 1 clips has a label of Joy, Awe"):
        read_labels(bare, targets=["Joy", "Awe"])


def test_a_corpus_may_lack_a_target_but_not_the_training_clips(table, tmp_path):
    header = ["clip_id", "Joy", "Awe"]
    whole = table(tmp_path / "t.csv", header, [["a", 1, 0], ["b", 0.5, 1]])
    half = table(tmp_path / "v.csv", header, [["c", 0.5, ""], ["d", 0.25, ""]])
    for targets in (None, ["Joy", "Awe"]):
        splits = read_files(LabelFiles(train=whole, valid=half, targets=targets))
        np.testing.assert_array_equal(splits.valid.targets, [[0.5, NAN], [0.25, NAN]])
        with pytest.raises(LabelError, match=r"v\.csv: no label of Awe among the 2 clips to train on"):
            read_files(LabelFiles(train=half, valid=whole, targets=targets))
    both = read_all_labels(LabelFiles(train=whole, valid=half))
    assert np.isnan(both.targets).sum() == 2


EMOTIONS = [["a", "sad", 0.1], ["b", "angry", 0.2], ["c", "sad", 0.3], ["d", "NA", 0.4]]
HEADER = ["clip_id", "emotion", "arousal"]


def test_a_named_column_of_text_is_a_target_for_each_class(table, tmp_path):
    path = table(tmp_path / "t.csv", HEADER, EMOTIONS)
    labels = read_labels(path, targets=["emotion"])
    assert labels.names == ("emotion=angry", "emotion=sad")
    assert labels.targets.tolist() == [[0, 1], [1, 0], [0, 1]]
    assert labels.unlabelled == 1
    assert read_labels(path).names == ("arousal",)  # not unless it is named
    both = read_labels(path, targets=["arousal", "emotion"])
    np.testing.assert_array_equal(both.targets[3], [0.4, NAN, NAN])
    again = read_labels(path, targets=list(labels.names))  # as a run calls them
    np.testing.assert_array_equal(again.targets, labels.targets)
    assert read_labels(path, targets=["emotion=sad"]).targets.tolist() == [[1], [0], [1]]


def test_classes_are_those_of_the_training_clips(table, tmp_path):
    train = table(tmp_path / "t.csv", HEADER, EMOTIONS)
    fewer = table(tmp_path / "v.csv", HEADER, [["x", "sad", 1], ["y", "sad", 1]])
    other = table(tmp_path / "o.csv", HEADER, [["x", "sad", 1], ["y", "bored", 1]])
    splits = read_files(LabelFiles(train=train, valid=fewer, targets=["emotion"]))
    assert splits.valid.names == splits.train.names
    assert splits.valid.targets.tolist() == [[0, 1], [0, 1]]
    with pytest.raises(LabelError, match=r"o\.csv, line 3, column emotion: .*'bored', they are angry, sad"):
        read_files(LabelFiles(train=train, valid=other, targets=["emotion"]))


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["sad", "sad", "NA"], "every clip is of the class 'sad', expected two classes or more"),
        ([f"text {number}" for number in range(120)], "120 different texts, .*at most 100 classes"),
        (["Sad", "sad", "angry"], "the classes 'Sad' and 'sad' differ in case only"),
        (["0.5", "0.25", "loud"], "line 4, column emotion: found 'loud', expected a finite number"),
    ],
)
def test_what_is_no_column_of_classes_is_told_in_one_line(table, tmp_path, texts, message):
    path = table(tmp_path / "t.csv", HEADER[:2], [[f"c{at}", text] for at, text in enumerate(texts)])
    with pytest.raises(LabelError, match=message) as caught:
        read_labels(path, targets=["emotion"])
    assert "\n" not in str(caught.value)


def test_a_column_that_is_called_like_a_class_is_taken_as_it_is(table, tmp_path):
    rows = [["a", "sad", 0.1], ["b", "angry", 0.2]]
    path = table(tmp_path / "t.csv", ["clip_id", "emotion", "emotion=sad"], rows)
    assert read_labels(path, targets=["emotion=sad"]).targets.tolist() == [[0.1], [0.2]]
    with pytest.raises(LabelError, match="a target is named twice: emotion=angry, emotion=sad, emotion=sad"):
        read_labels(path, targets=["emotion", "emotion=sad"])
