"""Ablations: rows of a grid, side by side, resumable, each row what it would be alone; and their tables."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest

from train import FitConfig, Splits, fit
from train.errors import LabelError, RunError
from train.scores.intervals import paired_difference
from train.studies.ablation import ablate
from train.studies.grid import component_rows, read_grid
from train.studies.options import StudyOptions

BASE = FitConfig(hidden=6, epochs=3, batch_size=8, lr=5e-3)
BITS = ("head.safetensors", "history.csv", "predictions.csv", "metrics.json", "config.json")


def grid(tmp_path, text):
    path = tmp_path / "grid.toml"
    path.write_text(text)
    return str(path)


def test_the_components_are_the_12_valid_sets(study):
    assert len(study.rows) == 12
    assert study.reference == study.rows[0].name == "LSTM + global mean + fusion head + VAD"
    assert {len(row.runs) for row in study.rows} == {2}
    assert study.predictions(study.rows[0]).shape == (2, 30, 3)


def test_a_row_is_what_the_same_config_gives_alone(study, corpus, splits, quiet, tmp_path):
    row = study.rows[1]
    config = FitConfig.from_dict({**row.config, "seed": 1})
    alone = fit(corpus.cache, splits, config, tmp_path / "alone", progress=quiet)
    for name in BITS:
        assert (alone.path / name).read_bytes() == (study.path / row.runs[1] / name).read_bytes(), name


def without_level(clip):
    """Leave a clip only what changes over its course: its mean is noise, and says nothing any more."""
    rng = np.random.default_rng(int(clip.clip_id))
    frames = {
        name: (values - values.mean(0) + 0.1 * rng.standard_normal(values.shape[1])).astype(np.float32)
        for name, values in clip.frames.items()
    }
    return replace(clip, frames=frames, global_mean={name: values.mean(0) for name, values in frames.items()})


def test_on_a_corpus_built_on_drift_the_lstm_beats_the_mean(corpus, splits, make_cache, tmp_path):
    cache = make_cache(tmp_path / "cache", corpus.truth, changed=without_level)
    rows = [
        row for row in component_rows(replace(BASE, epochs=10, lr=2e-2), "cache") if row.config.global_mean
    ]
    found = ablate({"cache": cache}, splits, rows, StudyOptions(tmp_path / "out", [0, 1], 2))
    for row in found.rows:
        if not row.config["lstm"]:
            ours, theirs = found.predictions(found.row(f"LSTM + {row.name}")), found.predictions(row)
            for seed in (0, 1):  # alone: two seeds together have a single degree of freedom
                pair = (ours[[seed]], theirs[[seed]])
                difference = paired_difference(found.truth, *pair, "pearson", None)
                assert difference.interval.low > 0, (row.name, difference)


def test_running_again_repeats_no_fit(study, corpus, splits):
    before = {path: path.stat().st_mtime_ns for path in study.path.rglob("metrics.json")}
    rows = component_rows(BASE, "cache")
    again = ablate({"cache": corpus.cache}, splits, rows, StudyOptions(study.path, range(2), 2))
    assert again.rows == study.rows
    assert {path: path.stat().st_mtime_ns for path in study.path.rglob("metrics.json")} == before


def times(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("[!.]*") if path.is_file()}


@pytest.mark.parametrize("tune", [False, True])
@pytest.mark.parametrize("finished", [True, False])
def test_scores_of_other_labels_are_never_shown(corpus, splits, tmp_path, tune, finished):
    rows = component_rows(BASE, "cache")[-1:]
    ablate({"cache": corpus.cache}, splits, rows, StudyOptions(tmp_path / "out", [0], 1, tune))
    if not finished:
        for path in (tmp_path / "out").rglob("metrics.json"):
            path.unlink()
    before = times(tmp_path / "out")
    changed = Splits(replace(splits.train, targets=1 - splits.train.targets), splits.valid)
    with pytest.raises(RunError, match="of another fit, different in clips and labels; give a new") as caught:
        ablate({"cache": corpus.cache}, changed, rows, StudyOptions(tmp_path / "out", [0], 1, tune))
    assert "--overwrite" not in str(caught.value), "ablate has no such option"
    assert ("a finished run" if finished else "an unfinished run") in str(caught.value)
    assert times(tmp_path / "out") == before


def test_scores_of_another_cache_of_the_same_name_are_never_shown(corpus, splits, make_cache, tmp_path):
    recipe = {"format_version": 1, "model": "other", "layers": [1, 2], "stored_dtype": "float16"}
    (tmp_path / "elsewhere").mkdir()
    other = make_cache(tmp_path / "elsewhere" / "cache", corpus.truth, recipe)
    rows = component_rows(BASE, "cache")[-2:]
    ablate({"cache": corpus.cache}, splits, rows[:1], StudyOptions(tmp_path / "out", [0], 1))
    before = times(tmp_path / "out")
    # One of the rows is new: it is not fitted either.
    with pytest.raises(RunError, match="a finished run of another fit, different in recipe_id"):
        ablate({"cache": other}, splits, rows[::-1], StudyOptions(tmp_path / "out", [0], 1))
    assert times(tmp_path / "out") == before


def test_a_confirmation_is_of_the_cache_it_names(corpus, splits, make_cache, tmp_path):
    from train.studies.confirm import confirm_rows

    recipe = {"format_version": 1, "model": "other", "layers": [1, 2], "stored_dtype": "float16"}
    other = make_cache(tmp_path / "other", corpus.truth, recipe)
    rows = component_rows(BASE, "cache")[-1:]
    options = StudyOptions(tmp_path / "out", [0])
    study = ablate({"cache": corpus.cache}, splits, rows, options)
    confirm_rows(study, corpus.cache, splits, options)
    with pytest.raises(RunError, match="different in recipe_id"):
        confirm_rows(study, other, splits, options)


LONG = "[base]\nhidden = 6\nepochs = 10\nbatch_size = 8\n[grid]\nlstm_layers = [1, 2]\n"


@pytest.fixture(scope="module")
def uninterrupted(corpus, splits, tmp_path_factory):
    path = tmp_path_factory.mktemp("fresh")
    rows = read_grid(grid(path, LONG), FitConfig(), ["cache"])
    return ablate({"cache": corpus.cache}, splits, rows, StudyOptions(path / "out", [0], 1))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, -9), (signal.SIGINT, 75)])
def test_a_killed_ablation_goes_on_with_the_same_bits(uninterrupted, corpus, splits, tmp_path, number, code):
    text = grid(tmp_path, LONG)
    options = [
        "--labels",
        corpus.labels,
        "--grid",
        text,
        "--seeds",
        1,
        "--workers",
        2,
        "--out",
        tmp_path / "out",
    ]
    command = [sys.executable, "-m", "train", "ablate", corpus.cache, *options]
    process = subprocess.Popen(list(map(str, command)), stderr=subprocess.PIPE, text=True)
    while not list(tmp_path.glob("out/runs/*/*/checkpoint.safetensors")):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(number)
    process.communicate(timeout=30)
    assert process.returncode == code
    assert not list(tmp_path.glob("out/results.json"))
    rows = read_grid(text, FitConfig(), ["cache"])
    resumed = ablate({"cache": corpus.cache}, splits, rows, StudyOptions(tmp_path / "out", [0], 2))
    for one, two in zip(resumed.rows, uninterrupted.rows, strict=True):
        for name in BITS:
            mine, theirs = resumed.path / one.runs[0] / name, uninterrupted.path / two.runs[0] / name
            assert mine.read_bytes() == theirs.read_bytes()


def test_two_ablations_do_not_share_a_folder(corpus, splits, tmp_path, monkeypatch):
    from train.files import lock_folder

    monkeypatch.setattr("train.files.LOCK_PATIENCE", 0.0)
    (tmp_path / "out").mkdir()
    with lock_folder(tmp_path / "out"), pytest.raises(RunError, match="another process is at work here"):
        ablate(
            {"cache": corpus.cache},
            splits,
            component_rows(BASE, "cache"),
            StudyOptions(tmp_path / "out", [0], 1),
        )


def test_several_caches_are_compared_on_their_common_clips(corpus, splits, make_cache, tmp_path):
    ids = list(corpus.truth)
    part = make_cache(tmp_path / "part", {clip_id: corpus.truth[clip_id] for clip_id in ids[:80]})
    rows = read_grid(grid(tmp_path, "[[rows]]\nname = 'small'\nhidden = 3\n"), BASE, ["a", "b"])
    found = ablate({"a": corpus.cache, "b": part}, splits, rows, StudyOptions(tmp_path / "out", [0], 2))
    assert [row.name for row in found.rows] == ["small, a", "small, b"]
    assert found.clip_ids == tuple(ids[60:80])
    foreign = make_cache(tmp_path / "foreign", {f"x{clip_id}": corpus.truth[clip_id] for clip_id in ids})
    with pytest.raises(LabelError, match="none of its clips is in every cache"):
        ablate({"a": corpus.cache, "b": foreign}, splits, rows, StudyOptions(tmp_path / "two", [0], 1))


def test_the_command_prints_the_table_or_one_clear_line(cli, corpus, tmp_path):
    path = grid(tmp_path, "[[rows]]\nname = 'mean'\nlstm = false\n[[rows]]\nname = 'lstm'\n")
    args = ["ablate", corpus.cache, "--labels", corpus.labels, "--out", tmp_path / "out", "--workers", 1]
    options = ["--seeds", 2, "--epochs", 2, "--hidden", 4, "--batch-size", 8]
    code, out, err = cli(*args, *options, "--grid", path)
    assert code == 0, err
    assert "Δ: row minus “mean”" in out
    assert "4/4 fits" in err
    code, out, _ = cli(*args, *options, "--grid", path, "--json")
    names = [row["name"] for row in json.loads(out)["rows"]]
    assert names[:2] == ["mean", "lstm"]
    assert all(name.startswith("baseline: ") for name in names[2:])
    assert len(names) == 9
    code, out, _ = cli(*args, *options, "--grid", path, "--json", "--no-baselines")
    assert [row["name"] for row in json.loads(out)["rows"]] == ["mean", "lstm"]
    code, out, err = cli(*args, "--grid", grid(tmp_path, "[grid]\nepoch = [1]\n"))
    assert (code, out, len(err.splitlines())) == (1, "", 1)
    assert "did you mean 'epochs'?" in err
    code, out, err = cli(*args, "--grid", "component")
    assert (code, out, len(err.splitlines())) == (1, "", 1)
