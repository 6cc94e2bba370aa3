"""Reproduction finds the same bits, or says what differs."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest

from train import fit


def test_reproduce_finds_the_same_bits(cli, kept):
    code, out, _ = cli("reproduce", kept)
    assert code == 0, out
    assert "the same bits" in out


def test_reproduce_takes_speakers_and_targets_without_the_tables(cli, kept, tmp_path):
    code, _, err = cli("reproduce", kept, "--speakers", tmp_path / "gone.csv")
    assert code == 1
    assert "gone.csv" in err
    code, _, err = cli("reproduce", kept, "--targets", "Sorrow")
    assert code == 1
    assert "Sorrow" in err


def test_a_device_in_a_files_place_is_refused_at_once(cli, kept, tmp_path, as_older):
    """Without checksums, too, nothing of a run is read that could go on for ever."""
    run = as_older(shutil.copytree(kept, tmp_path / "run"))
    (run / "predictions.csv").unlink()
    (run / "predictions.csv").symlink_to("/dev/zero")
    code, _, err = cli("reproduce", run)
    assert code == 1
    assert "predictions.csv: is no regular file" in err.replace("\n", " ")


def test_reproduce_says_what_differs(cli, cli_run, corpus, tmp_path, as_older):
    as_older(cli_run(corpus, tmp_path / "run").path)
    labels = tmp_path / "labels"
    labels.mkdir()
    for name in ("train_split.csv", "valid_split.csv"):
        rows = (corpus.labels / name).read_text().replace("s01", "s02")
        (labels / name).write_text(rows)
    environment = json.loads((tmp_path / "run" / "environment.json").read_text())
    environment["versions"]["torch"] = "1.0"
    (tmp_path / "run" / "environment.json").write_text(json.dumps(environment))
    code, out, _ = cli("reproduce", tmp_path / "run", "--labels", labels, "--json")
    found = json.loads(out)
    assert (code, found["same"]) == (3, False)
    differs = "; ".join(found["differs"])
    assert "label files: other bytes" in differs
    assert "clips and labels: other than then" in differs
    assert "versions: {'torch': '1.0'" in differs
    assert "predictions: largest difference" in differs


def test_a_run_without_its_labels_place_asks_for_it(cli, corpus, splits, small, quiet, tmp_path):
    labels = replace(splits, files=None)
    fit(corpus.cache, labels, replace(small, epochs=1), tmp_path / "run", progress=quiet)
    code, out, err = cli("reproduce", tmp_path / "run")
    assert (code, out, len(err.splitlines())) == (1, "", 1)
    assert "name them with --labels" in err


@pytest.mark.parametrize(
    ("kind", "names"), [("folded", ["fold-1", "fold-2", "fold-3"]), ("ensembled", ["seed-0", "seed-1"])]
)
def test_every_head_is_fitted_again(cli, kind, names, request):
    path = request.getfixturevalue(kind)
    code, out, err = cli("reproduce", path)
    assert code == 0, err
    assert out.splitlines() == [
        f"{path}: the same bits",
        *(f"  {name}: the same bits" for name in names),
    ]
    assert [line for line in err.splitlines() if "the same bits" in line] == [
        f"{name}: the same bits" for name in names
    ]


def test_a_fold_that_differs_is_named(cli, folded, tmp_path, as_older):
    moved = as_older(shutil.copytree(folded, tmp_path / "moved"))
    predictions = moved / "fold-2" / "predictions.csv"
    predictions.write_text(predictions.read_text().replace("0.", "0.9", 1))
    code, out, _ = cli("reproduce", moved)
    assert code == 3
    lines = out.splitlines()
    assert lines[:4] == [
        f"{moved}: not the same",
        "  fold-1: the same bits",
        "  fold-2: not the same",
        "  fold-3: the same bits",
    ]
    assert "  fold-2/predictions.csv: DIFFERS" in lines
    assert any(line.startswith("  fold-2: predictions: largest difference") for line in lines)
    code, out, _ = cli("reproduce", moved, "--json")
    found = json.loads(out)
    assert {name: each["same"] for name, each in found["runs"].items()} == {
        "fold-1": True,
        "fold-2": False,
        "fold-3": True,
    }


def test_folds_that_moved_are_fitted_from_the_tables_beside_them(cli, folded, tmp_path, corpus):
    moved = shutil.copytree(folded, tmp_path / "moved")
    environment = json.loads((moved / "fold-1" / "environment.json").read_text())
    assert str(folded) in environment["inputs"]["train"], "they remember where they were"
    table = moved / "fold-3.train.csv"
    before = table.read_bytes()
    table.write_bytes(before.replace(b"0.", b"0.9", 1))
    code, out, err = cli("reproduce", moved)
    assert (code, out, len(err.splitlines())) == (1, "", 1)
    assert "fold-3.train.csv: does not hold the bytes" in err
    code, out, err = cli("reproduce", folded, "--labels", corpus.labels)
    assert (code, out, len(err.splitlines())) == (1, "", 1)
    assert "leave out --labels, --train and --valid" in err


def test_nothing_is_fitted_if_one_head_cannot_come_again(cli, ensembled, tmp_path, as_older):
    copy = as_older(shutil.copytree(ensembled, tmp_path / "copy"))
    path = copy / "seed-1" / "environment.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "threads_of_each_sitting": [1, 2]}))
    code, out, err = cli("reproduce", copy)
    assert (code, out) == (1, "")
    assert "seed-1: was fitted with [1, 2] threads in turn" in err.splitlines()[-1]
