"""The command line: results on stdout, one clear line for each bad input."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys

import numpy as np
import pytest


def read(path):
    with path.open(newline="") as file:
        return list(csv.reader(file))


def test_fit_evaluate_predict(cli, corpus, tmp_path):
    options = ["--recipe", "paper", "--hidden", 6, "--epochs", 2, "--batch-size", 8, "--threads", 1]
    code, out, err = cli("fit", corpus.cache, "--labels", corpus.labels, "--out", tmp_path / "run", *options)
    assert code == 0
    assert "trained on 48 clips" in out
    assert "Empathic Pain" in out
    assert "epoch 2/2" in err
    code, out, _ = cli("evaluate", tmp_path / "run", corpus.cache, "--labels", corpus.labels, "--json")
    result = json.loads(out)
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert (code, result["clips"], result["trained_on"]) == (0, 30, 0)
    assert result["scores"]["pearson"]["mean"] == pytest.approx(metrics["valid"]["pearson"]["mean"], abs=1e-6)
    code, out, _ = cli(
        "evaluate", tmp_path / "run", corpus.cache, "--labels", corpus.labels, "--split", "train"
    )
    assert code == 0
    assert "60 of these clips shaped this head" in out
    code, out, _ = cli("predict", tmp_path / "run", corpus.cache, "--out", tmp_path / "p.csv")
    assert code == 0
    assert len(read(tmp_path / "p.csv")) == 96


def test_the_recipe_is_said_and_gives_way_to_what_is_typed(cli, corpus, tmp_path):
    args = ["fit", corpus.cache, "--labels", corpus.labels, "--no-floor"]

    def fitted(name, *options):
        code, out, err = cli(*args, "--out", tmp_path / name, *options)
        assert code == 0, err
        return json.loads((tmp_path / name / "config.json").read_text()), out, err.splitlines()[0]

    config, out, line = fitted("auto", "--epochs", 3)
    assert (config["clip_vector"], config["lstm"], config["epochs"]) == ("components", False, 3)
    assert line.startswith("recipe auto: statistics of frames and of their principal components")
    assert "hidden_states/2 with 8 channels" in line
    assert "trained on 60 clips" in out
    config, _, line = fitted("paper", "--recipe", "paper", "--epochs", 1, "--hidden", 3)
    assert ("clip_vector" in config, config["lstm"], config["hidden"]) == (False, True, 3)
    assert line.startswith("recipe paper: the published method")
    config, out, _ = fitted("patient", "--patience", 2, "--refit", "--epochs", 3)
    assert (config["select"], config["refit"]) == ("inner", True)
    assert "then fitted again on all 60 of it" in out
    again, _, line = fitted("like", "--from", tmp_path / "paper")
    assert again["hidden"] == 3
    assert not line.startswith("recipe")
    whole, _, line = fitted("whole", "--config", tmp_path / "auto" / "config.json")
    assert whole == json.loads((tmp_path / "auto" / "config.json").read_text())
    assert not line.startswith("recipe")
    code, _, err = cli(*args, "--out", tmp_path / "x", "--from", tmp_path / "paper", "--recipe", "auto")
    assert (code, len(err.splitlines())) == (1, 1)
    assert "both say what to start from" in err
    code, _, err = cli(*args, "--out", tmp_path / "x", "--recipe", "best")
    assert (code, len(err.splitlines())) == (1, 1)
    assert "recipe: found 'best', expected auto or paper" in err


def test_tune_searches_first_and_lists_every_trial(cli, corpus, tmp_path):
    out = tmp_path / "run"
    args = [
        "fit",
        corpus.cache,
        "--labels",
        corpus.labels,
        "--epochs",
        2,
        "--tune",
        "--no-floor",
        "--out",
        out,
    ]
    code, _, err = cli(*args)
    assert code == 0, err
    rows = read(tmp_path / "run.search" / "trials.csv")
    taken = dict(zip(rows[0], next(row for row in rows if row[-1] == "taken"), strict=True))
    config = json.loads((out / "config.json").read_text())
    assert (str(config["lr"]), config["loss"], str(config["lstm"])) == (
        taken["lr"],
        taken["loss"],
        taken["lstm"],
    )
    assert f"search: {len(rows) - 1} trials, all in {tmp_path / 'run.search' / 'trials.csv'}" in err
    code, _, err = cli(*args)
    assert (code, "this fit is finished already" in err) == (0, True)
    code, _, err = cli(*args[:-1], tmp_path / "other", "--tune-minutes", 0)
    assert (code, "--tune-minutes: found 0.0, expected a positive number" in err) == (1, True)


def test_options_override_the_config_file(cli, corpus, tmp_path):
    (tmp_path / "c.json").write_text(json.dumps({"hidden": 4, "epochs": 1, "lstm_layers": 1}))
    args = ["--labels", corpus.labels, "--out", tmp_path / "run", "--config", tmp_path / "c.json"]
    code, out, _ = cli("fit", corpus.cache, *args, "--hidden", 3, "--no-vad", "--json")
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert code == 0
    assert json.loads(out)["epochs"] == 1
    assert (config["hidden"], config["lstm_layers"], config["vad"]) == (3, 1, False)


def test_the_targets_that_were_taken_are_told(cli, corpus, table, tmp_path):
    ids = list(corpus.truth)[:90]
    parts = ["train"] * 60 + ["valid"] * 30
    rows = [[clip, *corpus.truth[clip], "yes", part] for clip, part in zip(ids, parts, strict=True)]
    labels = table(tmp_path / "lab.csv", ["clip_id", "Warmth", "Pain", "rater_count", "note", "split"], rows)
    args = ["fit", corpus.cache, "--labels", labels, "--epochs", 1, "--hidden", 3]
    code, _, err = cli(*args, "--out", tmp_path / "all")
    assert code == 0
    assert (
        f"{labels}: targets (all numeric columns; --targets names others): Warmth, Pain, rater_count" in err
    )
    assert "not numeric, ignored: note\n" in err
    code, _, err = cli(*args, "--out", tmp_path / "one", "--targets", "Warmth")
    assert (code, "not numeric" in err, "rater_count" in err) == (0, False, False)


def test_predict_writes_exactly_the_ids_asked_for(cli, run, corpus, tmp_path):
    (tmp_path / "ids.csv").write_text("File_ID\n[00093]\n[00002]\n[00041]\n")
    code, _, _ = cli(
        "predict", run.path, corpus.cache, "--ids", tmp_path / "ids.csv", "--out", tmp_path / "p.csv"
    )
    rows = read(tmp_path / "p.csv")
    assert code == 0
    assert rows[0] == ["Filename", "Admiration", "Amusement", "Empathic Pain"]
    assert [row[0] for row in rows[1:]] == ["[00093]", "[00002]", "[00041]"]
    assert not (tmp_path / "p.csv.notes.json").exists()


def test_a_missing_id_is_an_error_or_gets_the_training_mean(cli, run, corpus, splits, tmp_path):
    (tmp_path / "ids.txt").write_text("00001\nnowhere\n")
    args = ["predict", run.path, corpus.cache, "--ids", tmp_path / "ids.txt", "--out", tmp_path / "p.csv"]
    code, _, err = cli(*args)
    assert (code, len(err.splitlines())) == (1, 1)
    assert "1 of the 2 clips asked for are not in the cache: nowhere" in err
    assert not (tmp_path / "p.csv").exists()
    code, _, err = cli(*args, "--missing", "train-mean")
    assert code == 0
    assert "got the training mean: nowhere" in err
    filled = np.array(read(tmp_path / "p.csv")[2][1:], float)
    np.testing.assert_allclose(filled, splits.train.targets.mean(0), rtol=1e-8)
    assert json.loads((tmp_path / "p.csv.notes.json").read_text())["filled"] == ["nowhere"]


def test_clipping_is_for_the_submission_file_only(cli, corpus, table, tmp_path):
    rows = [[clip_id, *(0.4 + 0.05 * values)] for clip_id, values in corpus.truth.items()]
    header = ["clip_id", "a", "b", "c"]
    train, valid = (
        table(tmp_path / "t.csv", header, rows[:60]),
        table(tmp_path / "v.csv", header, rows[60:90]),
    )
    fit = ["fit", corpus.cache, "--train", train, "--valid", valid, "--out", tmp_path / "run"]
    assert cli(*fit, "--epochs", 1, "--hidden", 3)[0] == 0
    for clip in ("auto", "none"):
        cli("predict", tmp_path / "run", corpus.cache, "--out", tmp_path / f"{clip}.csv", "--clip", clip)
    values = {
        clip: np.array([row[1:] for row in read(tmp_path / f"{clip}.csv")[1:]], float)
        for clip in ("auto", "none")
    }
    labels = np.array([row[1:] for row in rows[:60]], float)
    assert (values["none"] < labels.min(0)).any() or (values["none"] > labels.max(0)).any()
    np.testing.assert_allclose(
        values["auto"], np.clip(values["none"], labels.min(0), labels.max(0)), rtol=1e-8
    )


def test_a_cache_of_another_recipe_is_refused_or_recorded(cli, run, corpus, make_cache, tmp_path):
    recipe = {"format_version": 1, "model": "other", "layers": [1, 2], "stored_dtype": "float16"}
    other = make_cache(tmp_path / "cache", {"00001": corpus.truth["00001"]}, recipe)
    code, _, err = cli("predict", run.path, other, "--out", tmp_path / "p.csv")
    assert (code, err.splitlines()[1:-1]) == (1, ["  model: toy -> other"])
    code, _, _ = cli("predict", run.path, other, "--out", tmp_path / "p.csv", "--allow-recipe-diff")
    assert code == 0
    assert json.loads((tmp_path / "p.csv.notes.json").read_text())["recipe_diff"] == ["model: toy -> other"]


BAD_TABLES = {
    "label not a number": (
        "Filename,Joy\n00001,0.1\n00002,0.2\n00003,much\n",
        "line 4, column Joy: found 'much'",
    ),
    "infinite label": ("Filename,Joy\n00001,0.1\n00002,0.2\n00003,inf\n", "line 4, column Joy: found 'inf'"),
    "no label at all": ("Filename,Joy\n00001,\n00002,NA\n00003,?\n", "no numeric label column, found only"),
    "no label column": ("Filename\n00001\n", "no numeric label column, found only Filename"),
    "labels matching no clip": ("Filename,Joy\nx1,0.1\nx2,0.3\nx3,0.4\n", "no clip in common"),
    "single clip": ("Filename,Joy\n00001,0.1\n", "1 training clip cannot be divided"),
    "id twice": ("Filename,Joy\n00001,0.1\n00001,0.1\n", "stands in lines 2 and 3"),
}


@pytest.mark.parametrize(("text", "message"), BAD_TABLES.values(), ids=BAD_TABLES)
def test_a_bad_label_table_is_one_clear_line(cli, corpus, tmp_path, text, message):
    (tmp_path / "t.csv").write_text(text)
    (tmp_path / "v.csv").write_text("Filename,Joy\n00070,0.1\n00071,0.2\n")
    args = ["--train", tmp_path / "t.csv", "--valid", tmp_path / "v.csv", "--out", tmp_path / "run"]
    code, out, err = cli("fit", corpus.cache, *args, "--recipe", "paper")
    assert (code, out, len(err.splitlines())) == (1, "", 1)
    assert err.startswith("error: ")
    assert message in err
    assert not (tmp_path / "run").exists()


BAD_OPTIONS = {
    "misspelt field": (["--config", "{tmp}/c.json"], "unknown field 'epoch'; did you mean 'epochs'?"),
    "both off": (["--no-lstm", "--no-global-mean"], "nothing would feed the head"),
    "no such layer": (["--layer", 9], "layer 9 is not in this cache, found 1, 2"),
    "no such loss": (["--loss", "huber"], "loss: found 'huber', expected mse, ccc, pearson"),
    "no such device": (["--device", "abacus"], "device: found 'abacus'"),
    "no config file": (["--config", "{tmp}/none.json"], "cannot be read"),
}


@pytest.mark.parametrize(("options", "message"), BAD_OPTIONS.values(), ids=BAD_OPTIONS)
def test_a_bad_option_is_one_clear_line(cli, corpus, tmp_path, options, message):
    (tmp_path / "c.json").write_text('{"epoch": 3}')
    options = [str(option).format(tmp=tmp_path) for option in options]
    code, out, err = cli("fit", corpus.cache, "--labels", corpus.labels, "--out", tmp_path / "run", *options)
    assert (code, out, len(err.splitlines())) == (1, "", 1)
    assert message in err


def test_no_cache_and_no_run_are_one_clear_line(cli, run, corpus, tmp_path):
    for args in (
        ["fit", tmp_path / "none", "--labels", corpus.labels, "--out", tmp_path / "run"],
        ["predict", tmp_path / "none", corpus.cache, "--out", tmp_path / "p.csv"],
        ["evaluate", run.path, tmp_path / "none", "--labels", corpus.labels],
        ["evaluate", run.path, corpus.cache, "--labels", tmp_path / "none.csv"],
    ):
        code, out, err = cli(*args)
        assert (code, out, len(err.splitlines())) == (1, "", 1)
        assert "none" in err


def test_a_wrong_word_is_a_usage_error(cli, run, corpus, tmp_path):
    code, _, err = cli("predict", run.path, corpus.cache, "--out", tmp_path / "p.csv", "--missing", "noise")
    assert code == 2
    assert "train-mean" in err


def test_a_cache_without_vad_or_layers(cli, corpus, table, tmp_path):
    from cache import CacheWriter, ClipFeatures
    from cache.format.schema import FrameField

    rng = np.random.default_rng(0)
    writer = CacheWriter.open(tmp_path / "cache", {"model": "logmel"}, [FrameField("logmel", 4)])
    clips = []
    for clip_id in list(corpus.truth)[:90]:
        frames = {"logmel": rng.standard_normal((int(rng.integers(1, 9)), 4)).astype(np.float32)}
        means = {"logmel": frames["logmel"].mean(0)}
        clips.append(ClipFeatures(clip_id, frames, means, 400, -20.0, "0" * 64, clip={}))
    writer.commit(clips)
    args = ["fit", tmp_path / "cache", "--labels", corpus.labels, "--out", tmp_path / "run", "--epochs", 1]
    code, _, err = cli(*args, "--recipe", "paper")
    assert (code, len(err.splitlines())) == (1, 1)
    assert "no vad in this cache, found logmel; switch it off with --no-vad" in err
    assert cli(*args, "--recipe", "paper", "--no-vad")[0] == 0
    assert cli("predict", tmp_path / "run", tmp_path / "cache", "--out", tmp_path / "p.csv")[0] == 0


def test_help_is_quick_and_importing_train_is_light():
    before = os.times()
    subprocess.run([sys.executable, "-m", "train", "fit", "--help"], check=True, capture_output=True)
    after = os.times()  # its own time on a core: a busy neighbour costs none of it
    assert after.children_user + after.children_system - before.children_user - before.children_system < 1
    code = "import sys, train; print(sorted({'torch', 'transformers', 'numpy', 'scipy'} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == "[]"
    code = (
        "import sys; from train import FusionHead, evaluate, fit, predict; import train.fitting.fit;"
        "print(callable(fit) and 'transformers' not in sys.modules and 'extract' not in sys.modules)"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, env={**os.environ}
    )
    assert found.stdout.strip() == "True"
