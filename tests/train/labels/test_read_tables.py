"""A label table is parsed once by a command, however often its labels are used."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from train.errors import LabelError
from train.labels import read_tables
from train.labels.label_files import LabelFiles
from train.labels.read_tables import read_all_labels, read_files


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
