"""Where the labels were is kept as text and can be moved."""

from __future__ import annotations

from pathlib import Path

from train.labels.label_files import LabelFiles, names_in


def test_what_is_kept_gives_the_same_files_again(tmp_path):
    files = LabelFiles(labels=tmp_path / "l", speakers=tmp_path / "s.csv", targets=["a", "b"])
    kept = files.to_dict()
    assert kept == {"labels": str(tmp_path / "l"), "speakers": str(tmp_path / "s.csv"), "targets": ["a", "b"]}
    assert LabelFiles.from_dict({**kept, "cache": "elsewhere"}) == files
    assert LabelFiles(train=Path("t.csv")).to_dict() == {"train": str(Path.cwd() / "t.csv")}


def test_tables_are_replaced_together_and_the_rest_one_by_one():
    kept = LabelFiles(labels=Path("l"), speakers=Path("s"))
    moved = kept.moved_to(LabelFiles(train=Path("t"), valid=Path("v")))
    assert moved == LabelFiles(train=Path("t"), valid=Path("v"), speakers=Path("s"))
    assert kept.moved_to(LabelFiles(targets=["a"])) == LabelFiles(
        labels=Path("l"), speakers=Path("s"), targets=["a"]
    )


def test_names_are_separated_by_commas():
    assert names_in("Joy, Empathic Pain,") == ["Joy", "Empathic Pain"]
    assert names_in(" , ") is None
