"""Ablations over streams from the command line: what each adds, on the same clips, by frames that are read once."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from cache import CacheReader
from train import FitConfig
from train.commands.ablate import config_of_all, place_of
from train.fitting.fit import SharedFit, fit
from train.report.fit_command import fit_command
from train.studies.ablation import ablate
from train.studies.grid import Row, read_grid
from train.studies.options import StudyOptions
from train.studies.study import load_study

BASE = FitConfig(hidden=4, epochs=2, batch_size=16)
FAST = ["--hidden", 4, "--epochs", 2, "--batch-size", 16, "--workers", 1]
BITS = ("head.safetensors", "history.csv", "predictions.csv", "metrics.json", "config.json")


@pytest.fixture(scope="module")
def named(pair):
    return [f"{name}={path}" for name, path in pair.items()]


@pytest.fixture(scope="module")
def streams(pair, splits, tmp_path_factory):
    """Rows of every set of streams, with two seeds; and what was read."""
    out, read, real = tmp_path_factory.mktemp("streams") / "out", Counter(), CacheReader.read_into

    def counted(reader, clip_id, name, into):
        read[str(reader.path), clip_id, name] += 1
        return real(reader, clip_id, name, into)

    rows = read_grid("streams", BASE, ["audio+text"], streams=["audio", "text"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CacheReader, "read_into", counted)
        patch.setattr("train.studies.jobs.run_all", in_this_process)
        return ablate({"audio+text": pair}, splits, rows, StudyOptions(out, range(2))), read


def in_this_process(names, work, workers, done, until):
    for position in range(len(names)):
        work(position)
        done(position)
    return until > 0


def test_every_set_of_streams_is_a_row_on_the_same_clips(streams, corpus):
    study, _ = streams
    heads = study.rows
    assert [row.name for row in heads] == ["audio + text", "audio", "text"]
    assert study.reference == "audio + text"
    assert study.clip_ids == tuple(list(corpus.truth)[60:90])
    assert {len(row.runs) for row in heads} == {2}
    assert heads[0].parameters > heads[1].parameters > 0
    assert study.caption.count("audio: cache (") == study.caption.count("text: cache (") == 1


def test_what_a_stream_says_of_a_clip_that_it_lacks_is_one_value(streams):
    study, _ = streams
    lacking = [int(clip) % 7 == 0 for clip in study.clip_ids]
    alone = study.predictions(study.row("text"))[:, lacking]
    assert np.ptp(alone, axis=1).max() < 1e-6
    assert np.ptp(study.predictions(study.row("audio + text"))[:, lacking], axis=1).min() > 1e-6


@pytest.mark.parametrize("name", ["audio + text", "audio"])
def test_a_row_is_what_its_streams_give_alone(streams, pair, splits, quiet, tmp_path, name):
    study, _ = streams
    row = study.row(name)
    config = FitConfig.from_dict({**row.config, "seed": 1})
    caches = {stream: pair[stream] for stream in name.split(" + ")}
    alone = fit(caches, splits, config, tmp_path / "alone", progress=quiet, shared=SharedFit(pictures=False))
    for file in BITS:
        assert (alone.path / file).read_bytes() == (study.path / row.runs[1] / file).read_bytes(), file


def test_a_row_comes_again_with_the_clips_of_the_streams_beside_it(streams, cli):
    study, _ = streams
    audio, text = (study.path / study.row(name).runs[0] for name in ("audio", "text"))
    assert "beside" not in json.loads((audio / "environment.json").read_text())["inputs"], "it has all clips"
    code, told, err = cli("reproduce", text)
    assert code == 0, err
    assert f"{text}: the same bits" in told
    assert "emi-train fit audio=" in fit_command(audio, "again")
    assert "its clips are those of the streams beside it, too" in fit_command(text, "again")


def test_frames_of_all_rows_are_read_once(streams, pair):
    read = streams[1]
    assert {path for path, _, _ in read} == {str(path) for path in pair.values()}
    assert set(read.values()) == {1}


def test_the_command_repeats_no_fit_and_does_one_that_is_gone(streams, cli, named, corpus):
    out = streams[0].path
    before = {path: path.stat().st_mtime_ns for path in out.glob("runs/**/metrics.json")}
    gone = next(path for path in before if path.parts[-3].startswith("text-"))
    bits = gone.with_name("head.safetensors").read_bytes()
    for path in gone.parent.iterdir():
        path.unlink()
    options = ["--labels", corpus.labels, "--grid", "streams", "--seeds", 2, "--out", out, *FAST]
    code, told, err = cli("ablate", *named[::-1], *options)
    assert code == 0, err
    assert "1/1 fits" in err
    assert gone.with_name("head.safetensors").read_bytes() == bits
    after = {path: path.stat().st_mtime_ns for path in out.glob("runs/**/metrics.json")}
    assert {path for path in after if after[path] != before[path]} == {gone}
    assert "parameters  s / fit" in told
    assert "baseline: late: global mean, ridge" in told


def test_clips_that_a_stream_lacks_may_be_dropped_or_refused(cli, named, corpus, tmp_path):
    options = ["--labels", corpus.labels, "--grid", "streams", "--seeds", 1, *FAST, "--no-baselines"]
    few = ["--min-coverage", 0.5]
    out = tmp_path / "dropped"
    code, told, err = cli("ablate", *named, *options, *few, "--missing", "drop", "--json", "--out", out)
    assert code == 0, err
    assert [row["name"] for row in json.loads(told)["rows"]] == ["audio + text", "audio", "text"]
    assert [clip for clip in load_study(out).clip_ids if int(clip) % 7 == 0] == []
    code, _, err = cli("ablate", *named, *options, "--missing", "refuse", "--out", tmp_path / "refused")
    assert code == 1
    assert "lacks 13 of 90 clips" in err.splitlines()[-1]
    assert not list(tmp_path.glob("refused/runs/*"))


def test_folds_rates_and_groups_of_a_file_s_rows(cli, named, corpus, tmp_path):
    grid = tmp_path / "grid.toml"
    grid.write_text(
        "[[rows]]\nname = 'said'\nstreams = ['text']\ntemporal = 'attention'\n"
        "[[rows]]\nname = 'both'\nfusion = 'low-rank'\n"
    )
    labels = corpus.labels / "train_split.csv"
    options = ["--labels", labels, "--folds", 2, "--group", "speaker", "--by", "speaker", "--tune", "lr"]
    options += ["--no-baselines", "--seeds", 1, "--grid", grid]
    out = tmp_path / "out"
    code, told, err = cli("ablate", *named, *options, *FAST, "--json", "--out", out)
    assert code == 0, err
    found = json.loads(told)
    assert [row["name"] for row in found["rows"]][:2] == ["said", "both"]
    assert len(found["folds"]) == 2
    assert len(found["groups"]["rows"]["said"]) == 10
    assert [row["cache"].count("=") for row in found["rows"]][:3] == [1, 2]
    assert "said, fold 1 of 2: lr " in err
    assert cli("report", out)[0] == 0
    page = (out / "report" / "report.md").read_text()
    assert "its clips are those of the streams beside it, too" in page
    assert "emi-train fit audio=" in page


def test_baselines_and_groups_are_of_all_streams_whatever_the_first_row_takes():
    both = {"audio": "a", "text": "t"}
    rows = [Row("said", replace(BASE, layer=1), "text"), Row("both", BASE, "audio+text")]
    assert place_of({"audio+text": both}, rows) == both
    assert config_of_all({"audio+text": both}, rows) == BASE
    assert config_of_all({"audio+text": both}, rows[:1]).layer == 1
    assert place_of({"one": "x", "two": "y"}, [Row("r", BASE, "two")]) == "y"


@pytest.mark.parametrize(
    ("caches", "grid", "said"),
    [
        (["{audio}"], "streams", "--grid streams: takes two or more streams; name each, NAME=CACHE"),
        (["audio={audio}"], "fusions", "--grid fusions: takes two or more streams"),
        (["audio={audio}", "text={text}"], "stream", "expected components, streams, fusions or the name of"),
    ],
)
def test_a_grid_that_cannot_be_is_one_line(caches, grid, said, cli, pair, corpus, tmp_path):
    words = [each.format(**pair) for each in caches]
    code, _, err = cli("ablate", *words, "--labels", corpus.labels, "--grid", grid, "--out", tmp_path / "out")
    assert (code, len(err.splitlines())) == (1, 1)
    assert said in err
