"""Label tables of five corpora, and each way a table can be wrong."""

from __future__ import annotations

import numpy as np
import pytest

from cache.common.errors import TableError
from train import read_labels, read_splits
from train.errors import LabelError
from train.labels.folds import Folding, divide
from train.labels.read_tables import read_speakers
from train.labels.tables import require_speakers, speaker_in


def test_hume_style_ids_stay_text_and_columns_keep_their_names(corpus):
    splits = read_splits(labels=corpus.labels)
    assert splits.train.clip_ids[:2] == ("00000", "00001")
    assert splits.train.names == ("Admiration", "Amusement", "Empathic Pain")
    assert splits.train.id_column == "Filename"
    np.testing.assert_array_equal(splits.train.targets[0], corpus.truth["00000"])


def test_one_table_with_a_split_column_and_bracketed_ids(table, tmp_path):
    rows = [
        ["[1]", "Train", 0.5, 1],
        ["[2]", "Val", 0.25, 2],
        ["[3]", "Test", "", ""],
        ["[4]", "Train", 0, 3],
    ]
    splits = read_splits(labels=table(tmp_path / "vb.csv", ["File_ID", "Split", "Awe", "Fear"], rows))
    assert splits.train.clip_ids == ("1", "4")
    assert splits.train.written_ids == ("[1]", "[4]")
    assert splits.valid.clip_ids == ("2",)
    assert splits.train.names == ("Awe", "Fear")


def test_known_and_text_columns_are_no_targets(table, tmp_path):
    header = ["FileName", "EmoClass", "EmoAct", "EmoVal", "Age", "SpkrID", "Split_Set"]
    path = table(
        tmp_path / "msp.csv",
        header,
        [["a.wav", "Hap", 3.5, 4, 33, 7, "Train"], ["b.wav", "Sad", 2, 1, 40, 8, "Train"]],
    )
    labels = read_labels(path)
    assert labels.names == ("EmoAct", "EmoVal")
    assert labels.ignored == ("EmoClass",)
    assert labels.speakers == ("7", "8")
    assert labels.clip_ids == ("a", "b")
    assert read_labels(path, targets=["EmoVal"]).names == ("EmoVal",)


def test_valid_takes_the_column_order_of_train(table, tmp_path):
    train = table(tmp_path / "t.csv", ["Filename", "Joy", "Awe"], [["1", 1, 2]])
    valid = table(tmp_path / "v.csv", ["Filename", "Awe", "Joy"], [["2", 4, 3]])
    assert read_splits(train, valid).valid.targets.tolist() == [[3, 4]]


def test_speakers_come_from_their_own_table(table, tmp_path):
    train = table(tmp_path / "t.csv", ["Filename", "Joy"], [["1", 1], ["2", 2]])
    valid = table(tmp_path / "v.csv", ["Filename", "Joy"], [["3", 1]])
    speakers = table(tmp_path / "s.csv", ["clip_id", "speaker"], [["3", "x"], ["1", "y"]])
    splits = read_splits(train, valid, speakers=speakers)
    assert splits.train.speakers == ("y", None)
    assert splits.valid.speakers == ("x",)


@pytest.mark.parametrize("value", ["loud", "inf", "1_0", "0.5x"])
def test_a_label_that_is_no_finite_number_is_named(table, tmp_path, value):
    rows = [["1", 0.1], ["2", 0.2], ["3", 0.3], ["4", value]]
    path = table(tmp_path / "t.csv", ["Filename", "Joy"], rows)
    with pytest.raises(
        LabelError, match=rf"t.csv, line 5, column Joy: found '{value}', expected a finite number"
    ):
        read_labels(path)


def test_no_numeric_column_lists_what_is_there(table, tmp_path):
    path = table(tmp_path / "t.csv", ["Filename", "mood"], [["1", "good"]])
    with pytest.raises(LabelError, match="no numeric label column, found only Filename, mood"):
        read_labels(path)


def test_a_misspelt_target_gets_a_hint(corpus):
    with pytest.raises(LabelError, match=r"no column 'Amusment'.*did you mean 'Amusement'"):
        read_labels(corpus.labels, targets=["Amusment"])


def test_splits_must_have_the_same_targets_and_no_clip_in_common(table, tmp_path):
    train = table(tmp_path / "t.csv", ["Filename", "Joy"], [["1", 1], ["2", 2]])
    other = table(tmp_path / "o.csv", ["Filename", "Awe"], [["3", 1]])
    same = table(tmp_path / "s.csv", ["Filename", "Joy"], [["2", 1]])
    with pytest.raises(LabelError, match=r"targets are Awe, those of .*t.csv are Joy"):
        read_splits(train, other)
    with pytest.raises(LabelError, match=r"1 clip in both train .* and valid .*: 2"):
        read_splits(train, same)


def test_an_id_twice_names_both_lines(table, tmp_path):
    path = table(tmp_path / "t.csv", ["Filename", "Joy"], [["1", 1], ["2", 2], ["1.wav", 3]])
    with pytest.raises(TableError, match="2 and 4"):
        read_labels(path)


def test_a_missing_split_or_split_column_is_named(table, tmp_path):
    path = table(tmp_path / "t.csv", ["Filename", "split", "Joy"], [["1", "train", 1]])
    with pytest.raises(LabelError, match="holds no 'valid' rows, found train"):
        read_splits(labels=path)
    with pytest.raises(LabelError, match="no split column"):
        read_splits(labels=table(tmp_path / "n.csv", ["Filename", "Joy"], [["1", 1]]))
    with pytest.raises(LabelError, match="give both --train CSV and --valid CSV"):
        read_splits(train=path)
    with pytest.raises(LabelError, match="no speaker column"):
        read_splits(path, path, speakers=path)


def test_paths_may_be_text_and_a_forgotten_split_is_named(corpus) -> None:
    assert len(read_splits(labels=str(corpus.labels)).train) == len(read_splits(labels=corpus.labels).train)
    with pytest.raises(LabelError, match=r"only .*train_split\.csv; give both"):
        read_splits(train=str(corpus.labels / "train_split.csv"))


@pytest.mark.parametrize(
    "nobody", ["", " ", "NA", "n/a", "NaN", "None", "null", "Unknown", "(unknown)", "?", "<NA>", "-"]
)
def test_a_speaker_of_no_name_is_nobody(table, tmp_path, nobody):
    rows = [["a", 1, nobody], ["b", 0, "Anna"], ["c", 0.5, nobody]]
    path = table(tmp_path / "t.csv", ["clip_id", "Joy", "speaker"], rows)
    assert read_labels(path).speakers == (None, "Anna", None)
    assert read_speakers(path) == {"b": "Anna"}
    with pytest.raises(LabelError, match=r"2 of 3 clips have no known speaker.*NA, \? or unknown is nobody"):
        require_speakers(read_labels(path))


def test_names_that_only_look_like_nobody_are_people():
    assert [speaker_in(text) for text in ("0", "Nan Goldin", "s?", " N1 ", "nobody")] == [
        "0",
        "Nan Goldin",
        "s?",
        "N1",
        "nobody",
    ]


def test_labels_without_any_known_speaker_are_clip_level(table, tmp_path):
    path = table(tmp_path / "t.csv", ["clip_id", "Joy", "speaker"], [["a", 1, "NA"], ["b", 0, "?"]])
    require_speakers(read_labels(path))
    with pytest.raises(LabelError, match="2 of 2 clips have no known speaker"):
        divide(read_labels(path), Folding(2, "speaker"))
