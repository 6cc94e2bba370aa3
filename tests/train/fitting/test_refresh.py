"""Speakers that were added or corrected reach a finished run: its interval and its audit, but not its head."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import pytest

from train import fit, load_run, read_splits
from train.studies.ablation import ablate
from train.studies.grid import component_rows
from train.studies.options import StudyOptions

NAMES = ("head.safetensors", "predictions.csv", "metrics.json", "audit.json", "config.json")


@pytest.fixture
def tables(corpus, table, tmp_path):
    """Label tables without speakers, and a table of speakers."""
    for name in ("train_split.csv", "valid_split.csv"):
        with (corpus.labels / name).open(newline="") as file:
            rows = [row[:-1] for row in csv.reader(file)]
        table(tmp_path / name, rows[0], rows[1:])
    return tmp_path, table(tmp_path / "speakers.csv", ["clip_id", "speaker"], list(corpus.speakers.items()))


@pytest.fixture
def last(small):
    return replace(small, select="last", epochs=2)


def bits(folder):
    return {name: (folder / name).read_bytes() for name in NAMES}


def test_a_finished_run_takes_over_speakers_that_are_added(corpus, tables, last, quiet, tmp_path, as_older):
    labels, speakers = tables
    out = tmp_path / "run"
    before = fit(corpus.cache, read_splits(labels=labels), last, out, progress=quiet)
    assert before.metrics["interval"]["by"] == "clip"
    known = read_splits(labels=labels, speakers=speakers)
    fresh = fit(corpus.cache, known, last, tmp_path / "fresh", progress=quiet)
    for older in (False, True):
        if older:  # older versions recorded no speakers
            kept = json.loads((as_older(out) / "environment.json").read_text())
            kept = {name: value for name, value in kept.items() if not name.startswith("speaker")}
            (out / "environment.json").write_text(json.dumps(kept))
        after = fit(corpus.cache, known, last, out, progress=quiet)
        assert (after.metrics["interval"]["by"], after.metrics["interval"]["clusters"]) == ("speaker", 5)
        assert bits(out) == bits(fresh.path)
        environment = json.loads((out / "environment.json").read_text())
        assert list(environment["speaker_table"]) == [str(speakers)]
    unchanged = {path: path.stat().st_mtime_ns for path in out.iterdir()}
    fit(corpus.cache, known, last, out, progress=quiet)
    assert {path: path.stat().st_mtime_ns for path in out.iterdir()} == unchanged


def test_the_command_says_so_and_shows_the_new_interval(cli, corpus, tables, tmp_path):
    labels, speakers = tables
    args = ["fit", corpus.cache, "--labels", labels, "--select", "last", "--out", tmp_path / "run"]
    args += ["--epochs", 1, "--hidden", 3]
    assert "clip-level" in cli(*args)[1]
    code, out, err = cli(*args, "--speakers", speakers)
    assert code == 0
    assert "finished already" in err
    assert "its interval and its audit are computed again" in err
    assert "5 speakers" in out
    assert "clip-level" not in out


def test_corrected_speakers_reach_the_runs_of_a_study(corpus, splits, last, tmp_path):
    rows = component_rows(replace(last, epochs=1), "cache")[-1:]
    found = ablate({"cache": corpus.cache}, splits, rows, StudyOptions(tmp_path / "out"))
    run = tmp_path / "out" / found.rows[0].runs[0]
    assert load_run(run).metrics["interval"]["clusters"] == 5
    fewer = replace(splits.valid, speakers=tuple("ab"[number // 15] for number in range(30)))
    ablate({"cache": corpus.cache}, replace(splits, valid=fewer), rows, StudyOptions(tmp_path / "out"))
    assert load_run(run).metrics["interval"]["clusters"] == 2


def test_reproduce_names_a_changed_table_of_speakers(cli, corpus, tables, table, tmp_path):
    labels, speakers = tables
    args = ["--labels", labels, "--speakers", speakers, "--select", "last", "--epochs", 1, "--hidden", 3]
    assert cli("fit", corpus.cache, *args, "--out", tmp_path / "run", "--threads", 1)[0] == 0
    assert cli("reproduce", tmp_path / "run")[0] == 0
    table(
        speakers,
        ["clip_id", "speaker"],
        [[clip, who.replace("s14", "s13")] for clip, who in corpus.speakers.items()],
    )
    code, out, _ = cli("reproduce", tmp_path / "run", "--json")
    found = json.loads(out)
    assert code == 3
    assert found["files"]["head.safetensors"]
    assert not found["files"]["metrics.json"]
    assert f"speakers: other than then ({speakers})" in found["differs"]
    assert any(line.startswith("speaker table: other bytes (sha256 ") for line in found["differs"])


def test_a_report_refuses_labels_that_have_changed(cli, corpus, tables, tmp_path):
    labels, _ = tables
    args = ["--labels", labels, "--epochs", 1, "--hidden", 3, "--out", tmp_path / "run"]
    assert cli("fit", corpus.cache, *args)[0] == 0
    assert cli("report", tmp_path / "run")[0] == 0
    valid = labels / "valid_split.csv"
    valid.write_text(valid.read_text().replace(",0.9", ",0.1"))
    code, _, err = cli("report", tmp_path / "run")
    assert (code, len(err.splitlines())) == (1, 1)
    assert "the labels have changed since the fit; restore the table, or fit again" in err
