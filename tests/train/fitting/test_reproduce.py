"""Reproduction finds the same bits, or says what differs."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

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
