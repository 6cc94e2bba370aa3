"""Ablations: rows of a grid, side by side, resumable, each row what it would be alone; and their tables."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest

from cache.common.errors import EmiError
from train import FitConfig, Splits, fit
from train.errors import ConfigError, LabelError, RunError
from train.report.table import build_table, score_rows
from train.scores.intervals import paired_difference
from train.studies.ablation import ablate, write_tables
from train.studies.grid import component_rows, read_grid
from train.studies.processes import run_all
from train.studies.study import load_study

BASE = FitConfig(hidden=6, epochs=3, batch_size=8, lr=5e-3)
BITS = ("head.safetensors", "history.csv", "predictions.csv", "metrics.json", "config.json")


@pytest.fixture(scope="module")
def study(corpus, splits, tmp_path_factory):
    """The components, two seeds each."""
    out = tmp_path_factory.mktemp("ablation") / "out"
    rows = component_rows(BASE, "cache")
    return ablate({"cache": corpus.cache}, splits, rows, range(2), out, workers=2)


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
        row for row in component_rows(replace(BASE, epochs=8, lr=2e-2), "cache") if row.config.global_mean
    ]
    found = ablate({"cache": cache}, splits, rows, [0, 1], tmp_path / "out", workers=2)
    for row in found.rows:
        if not row.config["lstm"]:
            ours, theirs = found.predictions(found.row(f"LSTM + {row.name}")), found.predictions(row)
            difference = paired_difference(found.truth, ours, theirs, "pearson", None)
            assert difference.interval.low > 0, (row.name, difference)


def test_a_study_comes_back_from_its_folder(study):
    again = load_study(study.path)
    np.testing.assert_array_equal(again.truth, study.truth)
    assert (again.rows, again.caption, again.names) == (study.rows, study.caption, study.names)
    assert again.speakers == study.speakers


def test_the_table_in_four_styles_and_a_chart(study):
    text = write_tables(study)
    assert "Frozen encoder; hidden 6; 3 epochs; epoch chosen by pearson on an inner part" in text
    assert "hidden_states/2 8" in text
    styles = {suffix: (study.path / f"table.{suffix}").read_text() for suffix in ("txt", "md", "csv", "tex")}
    for style in styles.values():
        assert "LSTM + global mean + fusion head + VAD" in style
    rows = list(csv.reader(io.StringIO(styles["csv"])))
    assert len(rows) == 13
    assert {len(row) for row in rows} == {len(rows[0])}
    assert styles["tex"].count(r"\\") == 13
    assert (study.path / "chart.png").read_bytes().startswith(b"\x89PNG")


def test_others_may_add_columns(study):
    from train.report.table import Column

    table = build_table(
        study, score_rows(study, 50), [lambda given: [Column("rows", ["x"] * len(given.rows))]]
    )
    assert table.columns[-1].title == "rows"


def test_running_again_repeats_no_fit(study, corpus, splits):
    before = {path: path.stat().st_mtime_ns for path in study.path.rglob("metrics.json")}
    rows = component_rows(BASE, "cache")
    again = ablate({"cache": corpus.cache}, splits, rows, range(2), study.path, workers=2)
    assert again.rows == study.rows
    assert {path: path.stat().st_mtime_ns for path in study.path.rglob("metrics.json")} == before


def times(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("[!.]*") if path.is_file()}


@pytest.mark.parametrize("tune", [False, True])
@pytest.mark.parametrize("finished", [True, False])
def test_scores_of_other_labels_are_never_shown(corpus, splits, tmp_path, tune, finished):
    rows = component_rows(BASE, "cache")[-1:]
    ablate({"cache": corpus.cache}, splits, rows, [0], tmp_path / "out", workers=1, tune=tune)
    if not finished:
        for path in (tmp_path / "out").rglob("metrics.json"):
            path.unlink()
    before = times(tmp_path / "out")
    changed = Splits(replace(splits.train, targets=1 - splits.train.targets), splits.valid)
    with pytest.raises(RunError, match="of another fit, different in clips and labels; give a new") as caught:
        ablate({"cache": corpus.cache}, changed, rows, [0], tmp_path / "out", workers=1, tune=tune)
    assert "--overwrite" not in str(caught.value), "ablate has no such option"
    assert ("a finished run" if finished else "an unfinished run") in str(caught.value)
    assert times(tmp_path / "out") == before


def test_scores_of_another_cache_of_the_same_name_are_never_shown(corpus, splits, make_cache, tmp_path):
    recipe = {"format_version": 1, "model": "other", "layers": [1, 2], "stored_dtype": "float16"}
    (tmp_path / "elsewhere").mkdir()
    other = make_cache(tmp_path / "elsewhere" / "cache", corpus.truth, recipe)
    rows = component_rows(BASE, "cache")[-2:]
    ablate({"cache": corpus.cache}, splits, rows[:1], [0], tmp_path / "out", workers=1)
    before = times(tmp_path / "out")
    # One of the rows is new: it is not fitted either.
    with pytest.raises(RunError, match="a finished run of another fit, different in recipe_id"):
        ablate({"cache": other}, splits, rows[::-1], [0], tmp_path / "out", workers=1)
    assert times(tmp_path / "out") == before


def test_a_confirmation_is_of_the_cache_it_names(corpus, splits, make_cache, tmp_path):
    from train.studies.confirm import confirm_rows

    recipe = {"format_version": 1, "model": "other", "layers": [1, 2], "stored_dtype": "float16"}
    other = make_cache(tmp_path / "other", corpus.truth, recipe)
    rows = component_rows(BASE, "cache")[-1:]
    found = ablate({"cache": corpus.cache}, splits, rows, [0], tmp_path / "out", workers=1)
    confirm_rows(found, corpus.cache, splits, 1)
    with pytest.raises(RunError, match="different in recipe_id"):
        confirm_rows(found, other, splits, 1)


LONG = "[base]\nhidden = 6\nepochs = 10\nbatch_size = 8\n[grid]\nlstm_layers = [1, 2]\n"


@pytest.fixture(scope="module")
def uninterrupted(corpus, splits, tmp_path_factory):
    path = tmp_path_factory.mktemp("fresh")
    rows = read_grid(grid(path, LONG), FitConfig(), ["cache"])
    return ablate({"cache": corpus.cache}, splits, rows, [0], path / "out", workers=1)


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
    resumed = ablate({"cache": corpus.cache}, splits, rows, [0], tmp_path / "out", workers=2)
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
            {"cache": corpus.cache}, splits, component_rows(BASE, "cache"), [0], tmp_path / "out", workers=1
        )


def test_a_worker_that_dies_is_named():
    def die(position):
        if position:
            os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(RunError, match="two: its process died"):
        run_all(["one", "two"], die, 1, lambda _: None)


def test_a_job_that_fails_is_named_and_ends_the_others():
    def fail(position):
        if position:
            raise EmiError("no such luck")
        time.sleep(60)

    started = time.monotonic()
    with pytest.raises(RunError, match="two: no such luck"):
        run_all(["one", "two"], fail, 2, lambda _: None)
    assert time.monotonic() - started < 30


def test_several_caches_are_compared_on_their_common_clips(corpus, splits, make_cache, tmp_path):
    ids = list(corpus.truth)
    part = make_cache(tmp_path / "part", {clip_id: corpus.truth[clip_id] for clip_id in ids[:80]})
    rows = read_grid(grid(tmp_path, "[[rows]]\nname = 'small'\nhidden = 3\n"), BASE, ["a", "b"])
    found = ablate({"a": corpus.cache, "b": part}, splits, rows, [0], tmp_path / "out", workers=2)
    assert [row.name for row in found.rows] == ["small, a", "small, b"]
    assert found.clip_ids == tuple(ids[60:80])
    foreign = make_cache(tmp_path / "foreign", {f"x{clip_id}": corpus.truth[clip_id] for clip_id in ids})
    with pytest.raises(LabelError, match="none of its clips is in every cache"):
        ablate({"a": corpus.cache, "b": foreign}, splits, rows, [0], tmp_path / "two", workers=1)


GOOD_GRID = """
[base]
epochs = 2
[grid]
lstm = [true, false]
global_mean = [true, false]
lr = [1e-3, 1e-2]
[[rows]]
name = "attention"
temporal = "attention"
"""


def test_a_grid_combines_lists_and_leaves_out_what_cannot_be(tmp_path):
    rows = read_grid(grid(tmp_path, GOOD_GRID), BASE, ["cache"])
    assert len(rows) == 7
    assert rows[0].name == "LSTM, global mean, lr 0.001"
    assert (rows[-1].name, rows[-1].config.temporal, rows[-1].config.epochs) == ("attention", "attention", 2)
    assert len({row.slug for row in rows}) == 7


BAD_GRIDS = {
    "misspelt field": ("[grid]\nhiden = [1]\n", "unknown field 'hiden'; did you mean 'hidden'?"),
    "misspelt table": ("[gird]\nhidden = [1]\n", r"unknown table or field 'gird'.*did you mean \[grid\]"),
    "no list": ("[grid]\nhidden = 3\n", "hidden: found 3, expected a list"),
    "wrong type": ("[grid]\nhidden = ['many']\n", "hidden: found 'many', expected int or null"),
    "seed": ("[grid]\nseed = [1, 2]\n", "seed is no field of a grid"),
    "same twice": ("[grid]\nhidden = [6, 6]\n", "are the same; remove one"),
    "no such cache": ("[grid]\ncache = ['moon']\n", "no cache called 'moon', found cache"),
    "empty": ("[base]\nhidden = 3\n", "no rows"),
    "no TOML": ("hidden: 3", "no valid TOML"),
}


@pytest.mark.parametrize(("text", "message"), BAD_GRIDS.values(), ids=BAD_GRIDS)
def test_a_bad_grid_is_refused_before_anything_is_fitted(tmp_path, text, message):
    with pytest.raises(ConfigError, match=message):
        read_grid(grid(tmp_path, text), BASE, ["cache"])


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
    assert len(names) == 7
    code, out, _ = cli(*args, *options, "--grid", path, "--json", "--no-baselines")
    assert [row["name"] for row in json.loads(out)["rows"]] == ["mean", "lstm"]
    code, out, err = cli(*args, "--grid", grid(tmp_path, "[grid]\nepoch = [1]\n"))
    assert (code, out, len(err.splitlines())) == (1, "", 1)
    assert "did you mean 'epochs'?" in err
    code, out, err = cli(*args, "--grid", "component")
    assert (code, out, len(err.splitlines())) == (1, "", 1)
