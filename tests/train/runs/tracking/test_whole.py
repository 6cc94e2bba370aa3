"""Ensembles, folds and studies are told as a whole: what counts, with its interval."""

from __future__ import annotations

import json

import pytest

from train.runs.tracking.follow import tracked
from train.runs.tracking.options import TrackOptions
from train.runs.tracking.whole import tell_ensemble, tell_folds, tell_study


def test_without_a_tracker_nobody_is_told(folded, ensembled):
    before = [sorted(each.parent.rglob("*")) for each in (folded, ensembled)]
    tell_folds(folded)
    tell_ensemble(ensembled)
    tell_study(folded, "pearson", [])
    assert [sorted(each.parent.rglob("*")) for each in (folded, ensembled)] == before


def test_folds_and_ensembles_tell_what_counts(events, folded, ensembled, tmp_path):
    with tracked(TrackOptions("tensorboard", str(tmp_path)), folded):
        tell_folds(folded)
    with tracked(TrackOptions("tensorboard", str(tmp_path)), ensembled):
        tell_ensemble(ensembled)
    mean = json.loads((folded / "folds.json").read_text())["mean"]
    found = events(tmp_path / folded.name)
    for tag, end in (
        ("folds/pearson", "estimate"),
        ("folds/pearson low", "low"),
        ("folds/pearson high", "high"),
    ):
        assert found.Scalars(tag)[0].value == pytest.approx(mean[end])
    valid = json.loads((ensembled / "ensemble.json").read_text())["valid"]["pearson"]["mean"]
    assert events(tmp_path / ensembled.name).Scalars("valid/pearson")[0].value == pytest.approx(valid)


def test_an_ablation_tells_every_run_and_its_rows(events, cli, corpus, tmp_path):
    grid = tmp_path / "grid.toml"
    grid.write_text(
        '[base]\nhidden = 2\nepochs = 1\n[[rows]]\nname = "a"\n[[rows]]\nname = "b/<c>"\nvad = false\n'
    )
    args = ["ablate", corpus.cache, "--labels", corpus.labels, "--grid", grid, "--seeds", 1, "--no-baselines"]
    code, _, err = cli(*args, "--out", tmp_path / "s", "--workers", 1, "--track", "tensorboard")
    assert code == 0, err
    folder = tmp_path / "tensorboard" / "s"
    tags = events(folder).Tags()
    assert {"rows/a/pearson", "rows/b__c_/pearson"} <= set(tags["scalars"])
    assert "chart" in tags["images"]
    runs = sorted(path.relative_to(folder).parts for path in folder.rglob("events*") if path.parent != folder)
    assert [parts[0] for parts in runs] == ["runs", "runs"]
    assert all(events(folder.joinpath(*parts[:-1])).Scalars("epoch/loss") for parts in runs)
