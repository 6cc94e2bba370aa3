"""Streams from the command line: every verb takes them, and each bad input is one line."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest

from cache import CompactOptions, compact
from train import fit, load_run, predict, read_labels
from train.runs.evaluate import evaluate

FAST = ["--recipe", "paper", "--hidden", 4, "--epochs", 1, "--batch-size", 16]


@pytest.fixture(scope="module")
def named(pair):
    return [f"{name}={path}" for name, path in pair.items()]


@pytest.fixture(scope="module")
def text_first(named):
    return named[::-1]


def test_a_fit_is_evaluated_predicted_reproduced_and_packed(cli, named, text_first, corpus, tmp_path):
    out = tmp_path / "run"
    own = ["--set", "streams.text.temporal=attention", "--stream-dropout", 0.2, "--no-floor"]
    code, told, err = cli("fit", *named, "--labels", corpus.labels, "--out", out, *FAST, *own)
    assert code == 0, err
    assert "text: 77 clips, " in err
    assert "13 clips without it" in err
    assert json.loads((out / "config.json").read_text())["streams"] == {"text": {"temporal": "attention"}}
    code, told, err = cli(
        "evaluate", out, *text_first, "--labels", corpus.labels, "--by", "duration", "--json"
    )
    assert code == 0, err
    run = load_run(out)
    scores = json.loads(told)["scores"]["pearson"]["mean"]
    assert scores == pytest.approx(run.metrics["valid"]["pearson"]["mean"], abs=1e-6)
    code, _, err = cli("predict", out, *text_first, "--out", tmp_path / "p.csv", "--clip", "none")
    assert code == 0, err
    assert len((tmp_path / "p.csv").read_text().splitlines()) == 96
    code, told, err = cli("reproduce", out)
    assert code == 0, err
    assert f"{out}: the same bits" in told
    assert cli("bundle", out, "--out", tmp_path / "b.zip")[0] == 0
    with zipfile.ZipFile(tmp_path / "b.zip") as archive:
        card = archive.read("README.md").decode()
        archive.extractall(tmp_path / "unpacked")
    assert "audio (LSTM, global mean, VAD), text (LSTM, global mean), fused by concat" in card
    assert "- Encoder of text: words, " in card
    unpacked = predict(load_run(tmp_path / "unpacked"), load_pair(named)).values
    assert np.array_equal(unpacked, predict(run, load_pair(named)).values)
    code, _, err = cli("export", out, "--onnx", tmp_path / "h.onnx")
    assert code == 1
    assert "its head takes several streams (audio, text)" in err
    code, told, _ = cli("report", out)
    assert code == 0
    page = (out / "report" / "report.md").read_text()
    assert "text temporal attention" in page
    assert "--set 'streams.text.temporal=\"attention\"'" in page
    assert cli("report", out, "--html")[0] == 0
    code, told, _ = cli("runs", tmp_path)
    assert "audio=cache text=cache" in told
    assert "streams.text.temporal attention" in told


def load_pair(named):
    return dict(each.split("=", 1) for each in named)


def test_ensembles_folds_and_their_floor(cli, named, corpus, tmp_path):
    code, told, err = cli(
        "fit",
        *named,
        "--labels",
        corpus.labels,
        "--out",
        tmp_path / "folds",
        *FAST,
        "--folds",
        2,
        "--group",
        "speaker",
        "--no-lstm",
    )
    assert code == 0, err
    assert "floor: " in told
    code, told, err = cli(
        "fit",
        *named,
        "--labels",
        corpus.labels,
        "--out",
        tmp_path / "two",
        *FAST,
        "--ensemble",
        2,
        "--no-floor",
    )
    assert code == 0, err
    for folder in ("folds", "two"):
        assert cli("predict", tmp_path / folder, *named, "--out", tmp_path / f"{folder}.csv")[0] == 0
    assert cli("compare", tmp_path / "two", tmp_path / "two" / "seed-0")[0] == 0
    moved = ["--cache", named[1]]
    assert cli("reproduce", tmp_path / "two", *moved)[0] == 0
    code, _, err = cli("reproduce", tmp_path / "two", "--cache", "face=x")
    assert (code, len(err.splitlines())) == (1, 1)
    assert "give audio=CACHE, text=CACHE" in err


def test_a_grid_reaches_the_fields_of_streams(cli, named, corpus, tmp_path):
    grid = tmp_path / "grid.toml"
    grid.write_text(
        "[base]\nhidden = 4\nepochs = 1\n[base.streams.audio]\nlstm = false\n"
        '[grid.streams.text]\ntemporal = ["attention", "gru"]\n'
    )
    options = ["--grid", grid, "--seeds", 1, "--workers", 1, "--out", tmp_path / "s"]
    code, told, err = cli("ablate", *named, "--labels", corpus.labels, *options)
    assert code == 0, err
    assert "text attention" in told
    assert "baseline: all streams: global mean, ridge" in told
    assert "baseline: late: frame statistics, SVR" in told
    assert "Cache: audio: cache (" in told
    rows = json.loads((tmp_path / "s" / "results.json").read_text())["rows"]
    assert rows[0]["config"]["streams"] == {"audio": {"lstm": False}, "text": {"temporal": "attention"}}


@pytest.mark.parametrize(
    ("caches", "options", "said"),
    [
        (["text={text}", "text={audio}"], [], "text: two streams have this name"),
        (["{audio}", "text={text}"], [], "has no name, and other caches have one"),
        (["{audio}", "{text}"], [], "found 2 caches without a name"),
        (["audio={audio}", "text={text}"], ["--set", "streams.face.hidden=3"], "there is no stream 'face'"),
        (["audio={audio}", "text={text}"], ["--set", "text.hidden=3"], "expected streams.NAME.FIELD=VALUE"),
        (["audio={audio}", "text={text}"], ["--set", "streams.text.lr=3"], "is no field of one stream"),
        (["audio={audio}", "text={text}"], ["--missing", "refuse"], "lacks 13 of 90 clips"),
        (["{audio}"], ["--stream-dropout", 0.5], "found one cache; name each stream"),
        (["audio={audio}", "text=nowhere"], [], "nowhere does not exist"),
    ],
)
def test_a_bad_set_of_streams_is_one_line(caches, options, said, cli, pair, corpus, tmp_path):
    words = [each.format(**pair) for each in caches]
    code, _, err = cli("fit", *words, "--labels", corpus.labels, "--out", tmp_path / "run", *FAST, *options)
    errors = [line for line in err.splitlines() if line.startswith("error")]
    assert code == 1
    assert len(errors) == 1
    assert said in errors[0]
    assert not (tmp_path / "run" / "metrics.json").exists()


def test_compact_streams_and_the_full_ones_in_their_place(pair, splits, small, quiet, cli, tmp_path):
    learned = list(splits.train.clip_ids)
    compact(pair["audio"], tmp_path / "c", CompactOptions(pool=2, project=4, dtype="int8"), fit_on=learned)
    run = fit({**pair, "audio": tmp_path / "c"}, splits, small, tmp_path / "run", progress=quiet)
    assert (run.path / "projection.audio.npz").exists()
    assert "projection.audio.npz" in (run.path / "checksums.json").read_text()
    small_ones = predict(run, {**pair, "audio": tmp_path / "c"}).values
    full = predict(run, pair).values
    assert np.corrcoef(small_ones.ravel(), full.ravel())[0, 1] > 0.99
    told = {each["name"]: each for each in json.loads((run.path / "audit.json").read_text())}
    assert told["audio: fitted outside train"]["outcome"] == "passed"
    assert cli("bundle", run.path, "--out", tmp_path / "b.zip")[0] == 0
    with zipfile.ZipFile(tmp_path / "b.zip") as archive:
        assert "projection.audio.npz" in archive.namelist()
    np.testing.assert_array_equal(predict(load_run(tmp_path / "b.zip"), pair).values, full)


def test_a_head_is_scored_on_another_corpus_by_its_names(cli, run, corpus, make_cache, table, tmp_path):
    rng = np.random.default_rng(5)
    truth = {f"other/{number}": rng.uniform(0, 1, 3) for number in range(40)}
    second = make_cache(tmp_path / "second", truth)
    labels = table(
        tmp_path / "labels.csv",
        ["clip_id", "Amusement", "Admiration"],
        [[c, t[1], t[0]] for c, t in truth.items()],
    )
    code, _, err = cli("evaluate", run.path, second, "--labels", labels, "--targets", "Admiration,Amusement")
    assert code == 0, err
    found = evaluate(run, second, read_labels(labels, ["Admiration", "Amusement"]))
    assert found["clips"] == 40
    assert found["trained_on"] == 0
    assert set(found["scores"]["pearson"]["per_target"]) == {"Admiration", "Amusement"}
    assert found["scores"]["pearson"]["mean"] > 0.3
    code, _, err = cli("evaluate", run.path, second, "--labels", labels, "--targets", "Joy")
    assert code == 1
    assert "has no target 'Joy'" in err
