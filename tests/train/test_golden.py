"""Runs, studies and bundles of version 0.1.0, written once before the packages had rooms: read the same for ever.

Pictures are left out. Never make them again, that is their point.
"""

from __future__ import annotations

import csv
import json
import re
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from train import FitConfig, evaluate, fit, load_run, predict, read_labels, read_splits
from train.__main__ import app

GOLDEN = Path(__file__).parent / "golden"
LABELS = GOLDEN / "labels"


def predictions_in(path: Path) -> tuple[list[str], np.ndarray]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))[1:]
    return [row[0] for row in rows], np.array([[float(value) for value in row[1:]] for row in rows])


def without_seconds(line: str) -> str:
    """Baselines are timed anew each time; their column is the last."""
    return re.sub(r"\d+\.\d(\W*)$", r"\1", line)


def as_before(text: str) -> str:
    """What is said of two seeds came later."""
    return re.sub(r"; warning: only 2 seeds: .*?take 3 or more", "", text)


def clipped(run, values: np.ndarray) -> np.ndarray:
    return run.targets.clipped(values)


@pytest.mark.parametrize(
    ("run", "cache", "expected"),
    [("run", "cache", "predictions.csv"), ("run_compact", "cache", "predictions_compact_from_full.csv")],
)
def test_an_old_run_predicts_what_it_predicted(run: str, cache: str, expected: str) -> None:
    loaded = load_run(GOLDEN / run)
    ids, values = predictions_in(GOLDEN / expected)
    found = predict(loaded, GOLDEN / cache, ids)
    np.testing.assert_allclose(clipped(loaded, found.values), values, atol=1e-6)


def test_an_old_run_scores_what_it_scored() -> None:
    expected = json.loads((GOLDEN / "evaluate.json").read_text())
    loaded = load_run(GOLDEN / "run")
    labels = read_labels(LABELS / "valid_split.csv", loaded.targets.names)
    found = evaluate(loaded, GOLDEN / "cache", labels)
    for metric, scores in expected["scores"].items():
        assert found["scores"][metric]["mean"] == pytest.approx(scores["mean"], abs=1e-6)
    assert set(found) == set(expected)


@pytest.mark.parametrize("run", ["run", "run_compact"])
def test_an_old_config_gives_the_old_numbers(tmp_path, run: str) -> None:
    config = FitConfig.load(GOLDEN / run / "config.json")
    cache = GOLDEN / ("compact" if run == "run_compact" else "cache")
    again = fit(cache, read_splits(labels=LABELS), config, tmp_path / "again")
    _, old = predictions_in(GOLDEN / run / "predictions.csv")
    _, new = predictions_in(again.path / "predictions.csv")
    np.testing.assert_allclose(new, old, atol=1e-4)
    assert json.loads((again.path / "config.json").read_text()) == config.to_dict()


def test_an_old_finished_run_counts_as_finished(tmp_path) -> None:
    shutil.copytree(GOLDEN / "run", tmp_path / "run")
    before = (tmp_path / "run/head.safetensors").read_bytes()
    config = FitConfig.load(GOLDEN / "run/config.json")
    fit(GOLDEN / "cache", read_splits(labels=LABELS), config, tmp_path / "run")
    assert (tmp_path / "run/head.safetensors").read_bytes() == before


def test_old_ensembles_and_folds_are_loaded() -> None:
    ensemble = load_run(GOLDEN / "ensemble")
    assert len(ensemble.others) == 1
    for fold in (1, 2, 3):
        assert load_run(GOLDEN / f"folds/fold-{fold}").config.hidden == 4


def test_an_old_study_is_finished_and_its_table_is_the_same(tmp_path) -> None:
    study = tmp_path / "study"
    shutil.copytree(GOLDEN / "study", study)
    typed = ["ablate", GOLDEN / "cache", GOLDEN / "compact", "--labels", LABELS, "--seeds", 2]
    typed += ["--grid", GOLDEN / "grid.toml", "--workers", 1, "--out", study]
    done = CliRunner().invoke(app, list(map(str, typed)))
    assert done.exit_code == 0, done.output
    for name in ("table.csv", "table.md", "table.txt", "table.tex"):
        old, new = ((path / name).read_text().splitlines() for path in (GOLDEN / "study", study))
        assert [without_seconds(as_before(line)) for line in new] == [
            without_seconds(line) for line in old
        ], name


def test_the_report_of_an_old_study_is_the_same_but_for_what_came_later(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(GOLDEN / "study", "study")
    done = CliRunner().invoke(app, ["report", "study", "--out", "report"])
    assert done.exit_code == 0, done.output
    old, new = ((path / "report.md").read_text() for path in (GOLDEN / "study_report", Path("report")))
    assert "## Settings\n" in new
    assert "emi-train fit " in new
    new = re.sub(r"## (Settings|Coverage)\n.*?\n(?=## )", "", new, flags=re.DOTALL)
    assert re.sub(r"(?m)^(emi-train fit|# rows of several caches).*\n", "", as_before(new)) == old


def test_old_folds_and_ensembles_are_reported_and_bundled(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(GOLDEN / "folds", "folds")
    stored = json.loads((GOLDEN / "folds" / "folds.json").read_text())
    done = CliRunner().invoke(app, ["report", "folds", "--out", "report"])
    assert done.exit_code == 0, done.output
    text = Path("report/report.md").read_text()
    assert f"**{stored['mean']['estimate']:.3f} [" in text
    assert "emi-train fit cache --train folds/fold-1.train.csv --valid folds/fold-1.valid.csv" in text
    assert "--from folds/fold-1" in text, "no option says the schedule of that version"
    for kind, heads in (("folds", 3), ("ensemble", 2)):
        done = CliRunner().invoke(app, ["bundle", str(GOLDEN / kind), "--out", f"{kind}.zip"])
        assert done.exit_code == 0, done.output
        with zipfile.ZipFile(f"{kind}.zip") as archive:
            archive.extractall(kind + "_unpacked")
        assert len(load_run(kind + "_unpacked").others) == heads - 1


def test_an_old_bundle_unpacks_to_a_run_that_predicts(tmp_path) -> None:
    with zipfile.ZipFile(GOLDEN / "bundle.zip") as archive:
        archive.extractall(tmp_path / "unpacked")
    loaded = load_run(tmp_path / "unpacked")
    ids, values = predictions_in(GOLDEN / "predictions.csv")
    found = predict(loaded, GOLDEN / "cache", ids)
    np.testing.assert_allclose(clipped(loaded, found.values), values, atol=1e-6)
