"""A label table is parsed once by a command, however often its labels are used."""

from __future__ import annotations

import time
from collections import Counter

import numpy as np
import pytest

from train.errors import LabelError
from train.labels import read_tables
from train.labels.label_files import LabelFiles
from train.labels.read_tables import read_all_labels, read_files, read_labels
from train.labels.tables import target_lines


@pytest.fixture
def one_table(corpus, table, tmp_path):
    """All labels in one table with a split column."""
    ids = list(corpus.truth)[:90]
    rows = [
        [clip_id, *corpus.truth[clip_id], corpus.speakers[clip_id], "train" if at < 60 else "valid"]
        for at, clip_id in enumerate(ids)
    ]
    return table(tmp_path / "all.csv", ["clip_id", "a", "b", "c", "speaker", "split"], rows)


@pytest.fixture
def parsed(monkeypatch):
    """Counts how often each table was parsed."""
    counts, original = Counter(), read_tables.read_table

    def counting(path):
        counts[str(path)] += 1
        return original(path)

    monkeypatch.setattr(read_tables, "read_table", counting)
    return counts


FIT = ["--hidden", 3, "--epochs", 1]
COMMANDS = {
    "fit": ["fit", *FIT],
    "ensemble": ["fit", *FIT, "--ensemble", 2],
    "folds": ["fit", *FIT, "--folds", 2, "--group", "speaker"],
    "ablate": ["ablate", *FIT, "--seeds", 1, "--workers", 1, "--no-baselines"],
    "baseline": ["baseline"],
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_a_command_parses_each_table_once(command, cli, corpus, one_table, parsed, tmp_path):
    name, *options = command
    code, _, err = cli(name, corpus.cache, "--labels", one_table, "--out", tmp_path / "out", *options)
    assert code == 0, err
    assert parsed[str(one_table)] == 1
    assert set(parsed.values()) == {1}


def test_splits_know_where_they_came_from(one_table):
    files = LabelFiles(labels=one_table, targets=["b", "a"])
    splits = read_files(files)
    assert splits.files == files
    assert splits.origin == {"labels": str(one_table), "targets": ["b", "a"]}


def test_all_labels_are_train_and_valid_joined_or_all_rows(one_table, table, tmp_path):
    splits = read_files(LabelFiles(labels=one_table))
    both = read_all_labels(LabelFiles(labels=one_table))
    assert both.clip_ids == splits.train.clip_ids + splits.valid.clip_ids
    np.testing.assert_array_equal(both.targets[60:], splits.valid.targets)
    bare = table(tmp_path / "bare.csv", ["clip_id", "a"], [["1", 0.1], ["2", 0.2]])
    for files in (LabelFiles(labels=bare), LabelFiles(train=bare)):
        assert read_all_labels(files).clip_ids == ("1", "2")
    with pytest.raises(LabelError, match="no labels at all"):
        read_all_labels(LabelFiles())
    with pytest.raises(LabelError, match="--labels replaces --train and --valid"):
        read_all_labels(LabelFiles(labels=bare, train=bare))


INDEXED = """Unnamed: 0,Filename,Joy,Awe,fold
0,00000,0.888889,1.0,3
1,00001,1.0,0.888889,1
2,00003,0.555556,0.0,0
"""


@pytest.fixture
def indexed(tmp_path):
    """Two tables as pandas writes them, with the index of the whole that they were cut from, and with folds."""
    (tmp_path / "train_split.csv").write_text(INDEXED)
    rest = ["7,00004,0.0,0.25,0", "9,00005,0.5,0.5,1", "8,00008,0.0,0.75,2"]
    (tmp_path / "valid_split.csv").write_text("\n".join([INDEXED.splitlines()[0], *rest]))
    return tmp_path


def test_an_index_is_no_target_and_a_fold_no_split(indexed):
    splits = read_files(LabelFiles(labels=indexed))
    assert splits.train.names == splits.valid.names == ("Joy", "Awe")
    assert (len(splits.train), len(splits.valid)) == (3, 3)
    lines = target_lines(splits.train, splits.valid)
    assert lines[0].endswith("Joy, Awe")
    assert len(lines) == 3  # one line a table
    assert all("no target" in line and line.endswith(": Unnamed: 0") for line in lines[1:])
    by_hand = read_files(LabelFiles(train=indexed / "train_split.csv", valid=indexed / "valid_split.csv"))
    assert by_hand.train.names == ("Joy", "Awe")
    named = read_files(LabelFiles(labels=indexed, targets=["Unnamed: 0"]))
    assert named.train.names == ("Unnamed: 0",)
    assert target_lines(named.train) == []


def test_what_counts_in_train_is_no_target_in_valid(table, tmp_path):
    train = table(tmp_path / "t.csv", ["clip_id", "n", "Joy"], [["q", 0, 1], ["w", 1, 0], ["e", 2, 1]])
    valid = table(tmp_path / "v.csv", ["clip_id", "n", "Joy"], [["r", 3, 1], ["t", 9, 0]])
    splits = read_files(LabelFiles(train=train, valid=valid))
    assert splits.train.names == splits.valid.names == ("Joy",)
    assert splits.train.numbering == splits.valid.numbering == ("n",)


def test_folds_are_named_where_a_split_is_missing(table, tmp_path):
    path = table(tmp_path / "a.csv", ["clip_id", "fold", "Joy"], [["q", 0, 1], ["w", 1, 0]])
    with pytest.raises(LabelError, match=r"no split column \('fold' holds 0, 1\); add one"):
        read_files(LabelFiles(labels=path))
    assert len(read_all_labels(LabelFiles(labels=path))) == 2


def test_a_column_written_with_decimal_commas_is_not_dropped(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("Filename;Joy;Awe\n00000;0.5;0,888889\n00001;0.25;1,000000\n00003;1;0,1\n")
    with pytest.raises(LabelError, match=r"line 2, column Awe: found '0,888889', a decimal comma"):
        read_labels(path)
    assert read_labels(path, targets=["Joy"]).names == ("Joy",)
    with pytest.raises(LabelError, match=r"line 2, column Awe.*expected a finite number \(a decimal comma"):
        read_labels(path, targets=["Awe"])


def test_many_label_columns_take_time_in_proportion(tmp_path):
    count = 100_000
    path = tmp_path / "wide.csv"
    rows = [",".join([clip, *(value for _ in range(count))]) for clip, value in (("a", "1"), ("b", "0"))]
    path.write_text("\n".join([",".join(["clip_id", *(f"c{at}" for at in range(count))]), *rows]))
    start = time.process_time()
    with pytest.raises(LabelError, match="100000 columns of numbers, expected at most 10000 labels"):
        read_labels(path)
    with pytest.raises(LabelError, match=r"no column 'd'.* and 99961 more"):
        read_labels(path, targets=["d"])
    assert read_labels(path, targets=["c99999", "c0"]).targets.tolist() == [[1, 1], [0, 0]]
    assert time.process_time() - start < 20
