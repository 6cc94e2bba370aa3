"""Folds: speakers stay together, the mean over folds counts, and why the pooled correlation does not."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import time

import numpy as np
import pytest

from train import load_run, predict, read_labels
from train.errors import ConfigError, LabelError
from train.labels.folds import Folding, divide, groups_of, parse_folds, shared_speakers
from train.scores.metrics import pearson

OPTIONS = ["--hidden", 3, "--epochs", 1, "--batch-size", 16, "--threads", 1]


def test_folds_by_speaker_report_every_clip_once(cli, corpus, tmp_path):
    out = tmp_path / "folds"
    args = ["fit", corpus.cache, "--labels", corpus.labels, "--out", out, "--folds", 3, *OPTIONS]
    code, text, err = cli(*args, "--group", "speaker", "--json")
    assert code == 0
    found = json.loads(text)
    assert (found["folds"], found["divided"]) == (3, "by speaker")
    assert sum(run["clips"] for run in found["runs"]) == 90
    assert found["mean"]["estimate"] == pytest.approx(np.mean([run["score"] for run in found["runs"]]))
    assert found["mean"]["low"] < found["mean"]["estimate"] < found["mean"]["high"]
    assert found["mean"]["clusters"] == 15
    assert "each fold's head has its own offset" in found["pooled"]["note"]
    with (out / "pooled.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert sorted(row["Filename"] for row in rows) == sorted(corpus.speakers)
    people = [{corpus.speakers[row["Filename"]] for row in rows if row["fold"] == n} for n in "123"]
    assert not (people[0] & people[1] | people[1] & people[2] | people[0] & people[2])
    metrics = json.loads((out / "fold-1" / "metrics.json").read_text())
    assert metrics["valid"]["pearson"]["mean"] == pytest.approx(found["runs"][0]["score"], abs=1e-6)
    assert "speakers, train and valid" in err
    code, text, _ = cli(*args, "--group", "speaker")  # finished: nothing to do, the same result
    assert code == 0
    assert "mean pearson over the folds" in text
    assert "biased" in text


def test_folds_without_a_group_are_refused_or_say_so(cli, corpus, tmp_path):
    args = ["fit", corpus.cache, "--labels", corpus.labels, "--out", tmp_path / "f", "--folds", 2, *OPTIONS]
    code, _, err = cli(*args)
    assert (code, len(err.splitlines())) == (1, 1)
    assert "use --group speaker, or --allow-speaker-overlap" in err
    code, text, _ = cli(*args, "--allow-speaker-overlap")
    assert code == 0
    assert "speakers are in training and in the fold: too high" in text


def test_one_table_without_a_split_is_divided_whole(cli, corpus, table, tmp_path):
    rows = [[clip, *values, corpus.speakers.get(clip, "x")] for clip, values in corpus.truth.items()]
    path = table(tmp_path / "all.csv", ["clip_id", "a", "b", "c", "speaker"], rows)
    args = [
        "fit",
        corpus.cache,
        "--labels",
        path,
        "--out",
        tmp_path / "f",
        "--folds",
        2,
        "--group",
        "speaker",
    ]
    code, text, _ = cli(*args, *OPTIONS, "--json")
    assert code == 0
    assert sum(run["clips"] for run in json.loads(text)["runs"]) == 95


def test_unknown_speakers_and_too_many_folds_are_refused(corpus, table, tmp_path):
    with pytest.raises(ConfigError, match="folds: found 1"):
        Folding(1, "speaker")
    with pytest.raises(ConfigError, match="folds loo leaves out one group after the other"):
        Folding(None, None, True)
    for text, found in (("5", 5), ("loo", None), (" LOO ", None)):
        assert parse_folds(text) == found
    for text in ("many", "²"):
        with pytest.raises(
            ConfigError, match=f"folds: found '{text}', expected a number of 2 or more, or loo"
        ):
            parse_folds(text)
    labels = read_labels(corpus.labels / "valid_split.csv")
    with pytest.raises(LabelError, match="5 speakers for 6 folds"):
        divide(labels, Folding(6, "speaker"))
    path = table(
        tmp_path / "l.csv", ["id", "Joy", "speaker"], [["1", 0.1, "a"], ["2", 0.2, ""], ["3", 0.3, "c"]]
    )
    with pytest.raises(LabelError, match="1 of 3 clips have no known speaker"):
        divide(read_labels(path), Folding(2, "speaker"))


def test_pooled_predictions_of_a_head_that_knows_nothing_correlate_below_zero():
    rng = np.random.default_rng(0)
    truth = rng.standard_normal((100, 1))
    folds = np.array_split(rng.permutation(100), 5)
    predicted = np.empty_like(truth)
    for fold in folds:
        predicted[fold] = np.delete(truth, fold, axis=0).mean()  # the mean of what it was trained on
    predicted += 1e-3 * rng.standard_normal(truth.shape)
    within = [pearson(truth[fold], predicted[fold])[0] for fold in folds]
    assert abs(np.mean(within)) < 0.2
    assert pearson(truth, predicted)[0] < -0.1


@pytest.fixture
def sentences(corpus, table, tmp_path):
    """Labels with a column of sentences, which speakers share, and one that is empty for a clip."""
    rows = [
        [
            clip,
            *corpus.truth[clip][:2],
            who,
            f"t{number % 4}",
            "" if number == 7 else "x",
            "alone" if number == 3 else f"rest{number % 2}",
        ]
        for number, (clip, who) in enumerate(corpus.speakers.items())
    ]
    return table(tmp_path / "all.csv", ["clip_id", "a", "b", "speaker", "text", "holes", "lone"], rows)


def test_any_column_may_divide_the_clips(cli, corpus, sentences, tmp_path):
    args = ["fit", corpus.cache, "--labels", sentences, "--no-floor", "--group", "text", *OPTIONS]
    code, text, err = cli(*args, "--folds", 2, "--out", tmp_path / "f", "--json")
    assert code == 0, err
    found = json.loads(text)
    assert found["divided"].startswith("by text, with 15 speakers in training and in a fold that is reported")
    assert found["mean"]["clusters"] == 15
    labels = read_labels(sentences)
    of = dict(zip(labels.clip_ids, groups_of(labels, "text"), strict=True))
    with (tmp_path / "f" / "pooled.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    sides = [{of[row["clip_id"]] for row in rows if row["fold"] == fold} for fold in "12"]
    assert len(sides[0]) == len(sides[1]) == 2
    assert not sides[0] & sides[1]


@pytest.fixture
def few(corpus, table, tmp_path):
    """Labels of four speakers, and of one whose clips are not in the cache."""
    rows = [[clip, *corpus.truth[clip][:2], who] for clip, who in list(corpus.speakers.items())[:24]]
    rows += [["gone1", 0.1, 0.2, "s99"], ["gone2", 0.3, 0.4, "s99"]]
    return table(tmp_path / "few.csv", ["clip_id", "a", "b", "speaker"], rows)


def test_one_group_after_the_other_is_left_out_but_for_those_without_a_clip(cli, corpus, few, tmp_path):
    args = ["fit", corpus.cache, "--labels", few, "--no-floor", *OPTIONS, "--folds", "loo"]
    args += ["--group", "speaker", "--min-coverage", 0.5, "--out", tmp_path / "f"]
    code, text, err = cli(*args)
    assert code == 0, err
    assert "4 folds, divided by speaker" in text
    assert "fold 4 of 4 (s03)" in err
    assert "4 speakers" in text
    assert "left out, none of their clips is in the cache: s99" in err
    found = json.loads(cli(*args, "--json")[1])
    assert [run["name"] for run in found["runs"]] == ["s00", "s01", "s02", "s03"]
    assert {run["clips"] for run in found["runs"]} == {6}
    assert found["mean"]["low"] < found["mean"]["estimate"] < found["mean"]["high"]


def test_a_group_of_one_clip_has_no_correlation_and_the_others_have(cli, corpus, sentences, tmp_path):
    args = ["fit", corpus.cache, "--labels", sentences, "--no-floor", *OPTIONS, "--folds", "loo"]
    code, text, err = cli(*args, "--group", "lone", "--out", tmp_path / "f", "--json")
    assert code == 0, err
    found = json.loads(text)
    assert sorted(run["clips"] for run in found["runs"]) == [1, 44, 45]
    assert {each["folds"] for each in found["per_target"].values()} == {2}
    scores = [run["score"] for run in found["runs"] if run["clips"] > 1]
    assert found["mean"]["estimate"] == pytest.approx(np.mean(scores))


def test_the_table_over_folds_is_what_the_runs_say(cli, corpus, sentences, tmp_path):
    args = ["fit", corpus.cache, "--labels", sentences, "--no-floor", "--group", "speaker", *OPTIONS]
    code, text, _ = cli(*args, "--folds", 3, "--out", tmp_path / "f", "--json")
    assert code == 0
    found = json.loads(text)
    metrics = [json.loads((tmp_path / "f" / f"fold-{n}" / "metrics.json").read_text()) for n in (1, 2, 3)]
    for metric, scores in found["scores"].items():
        for name, value in scores["per_target"].items():
            each = [run["valid"][metric]["per_target"][name] for run in metrics]
            assert value == pytest.approx(np.mean(each), abs=1e-6)
    assert found["scores"]["pearson"]["mean"] == pytest.approx(found["mean"]["estimate"])


def test_a_column_that_cannot_divide_is_one_line(corpus, sentences):
    labels = read_labels(sentences)
    for group, message in (
        ("holes", r"column 'holes' is empty for 1 of 90 clips: 00007; name the group of every clip"),
        ("country", "no column 'country' to divide by, found clip_id, a, b, speaker"),
        ("a", "--group a is a target column"),
        ("clip_id", "--group clip_id is the id column"),
    ):
        with pytest.raises(LabelError, match=message):
            divide(labels, Folding(2, group))
    with pytest.raises(LabelError, match="3 groups by lone for 4 folds"):
        divide(labels, Folding(4, "lone"))


def test_speakers_in_several_folds_are_counted(corpus, sentences):
    labels = read_labels(sentences)
    assert shared_speakers(labels, divide(labels, Folding(3, "speaker"))) == 0
    assert shared_speakers(labels, divide(labels, Folding(2, "text"))) == 15


def test_the_heads_of_the_folds_predict_together(cli, corpus, sentences, tmp_path):
    out = tmp_path / "f"
    args = ["fit", corpus.cache, "--labels", sentences, "--no-floor", "--group", "speaker", *OPTIONS]
    assert cli(*args, "--folds", 3, "--out", out)[0] == 0
    found = [
        predict(load_run(path), corpus.cache).values
        for path in (out, *(out / f"fold-{n}" for n in (1, 2, 3)))
    ]
    np.testing.assert_allclose(found[0], np.mean(found[1:], axis=0))
    code, _, err = cli("predict", out, corpus.cache, "--out", tmp_path / "p.csv")
    assert code == 0, err
    assert len((tmp_path / "p.csv").read_text().splitlines()) == 96
    code, text, err = cli(
        "evaluate", out, corpus.cache, "--labels", sentences, "--split", "all", "--permutations", 0
    )
    assert code == 0, err
    assert "warning: 90 of these clips shaped this head" in text


def test_how_to_divide_is_refused_without_folds(cli, corpus, tmp_path):
    for option in (["--group", "speaker"], ["--allow-speaker-overlap"]):
        args = ["fit", corpus.cache, "--labels", corpus.labels, "--out", tmp_path / "r", *OPTIONS, *option]
        code, _, err = cli(*args)
        assert code == 2
        assert "says how --folds divides the clips" in " ".join(err.replace("│", " ").split())
    assert not (tmp_path / "r").exists()


def test_a_fold_of_several_seeds_predicts_their_mean(cli, corpus, sentences, tmp_path):
    out = tmp_path / "f"
    args = ["fit", corpus.cache, "--labels", sentences, "--folds", 3, "--group", "speaker", *OPTIONS]
    code, text, err = cli(*args, "--ensemble", 2, "--out", out)
    assert code == 0, err
    assert "3 folds, divided by speaker; each fold's prediction is the mean of 2 heads" in text
    assert "floor: " in text
    found = json.loads(cli(*args, "--ensemble", 2, "--out", out, "--json", "--no-floor")[1])
    assert found["heads"] == 2
    rows = {row["clip_id"]: row for row in tables_in(out / "pooled.csv")}
    truth = {row["clip_id"]: row for row in tables_in(sentences)}
    each = []
    for fold in (1, 2, 3):
        seeds = [tables_in(out / f"fold-{fold}" / f"seed-{seed}" / "predictions.csv") for seed in (0, 1)]
        clips = [row["clip_id"] for row in seeds[0]]
        said = np.array([[[float(row[name]) for name in "ab"] for row in one] for one in seeds]).mean(0)
        pooled = np.array([[float(rows[clip][name]) for name in "ab"] for clip in clips])
        np.testing.assert_allclose(pooled, said, atol=1e-7)
        labels = np.array([[float(truth[clip][name]) for name in "ab"] for clip in clips])
        each.append([np.corrcoef(labels[:, k], pooled[:, k])[0, 1] for k in (0, 1)])
    expected = np.mean(each, axis=0)
    np.testing.assert_allclose([found["per_target"][name]["estimate"] for name in "ab"], expected, atol=1e-6)
    alone = tmp_path / "alone"
    assert cli(*args, "--out", alone, "--seed", 1, "--no-floor")[0] == 0
    for name in ("head.safetensors", "predictions.csv", "audit.json"):
        one, two = alone / "fold-2" / name, out / "fold-2" / "seed-1" / name
        assert one.read_bytes() == two.read_bytes(), name
    np.testing.assert_allclose(
        predict(load_run(out), corpus.cache).values,
        np.mean([predict(load_run(out / f"fold-{n}"), corpus.cache).values for n in (1, 2, 3)], axis=0),
    )


def tables_in(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_other_seeds_or_another_number_of_heads_in_the_same_folder_is_one_line(
    cli, corpus, sentences, tmp_path
):
    args = ["fit", corpus.cache, "--labels", sentences, "--no-floor", "--no-lstm", "--folds", 2]
    args += ["--group", "speaker", "--epochs", 1, "--threads", 1]
    assert cli(*args, "--out", tmp_path / "two", "--ensemble", 2)[0] == 0
    assert cli(*args, "--out", tmp_path / "one")[0] == 0
    for out, more, why in (
        ("two", ["--ensemble", 2, "--seed", 5], "holds seed-0, seed-1, and seed-5, seed-6 is asked for"),
        ("two", [], "holds seed-0, seed-1, and a single head is asked for"),
        ("one", ["--ensemble", 2], "holds a single head, and seed-0, seed-1 is asked for"),
        ("one", ["--seed", 1], "different in config (seed 0 → 1)"),
        ("one", ["--folds", 3], "exists and holds something else, a fold of other labels or another --folds"),
    ):
        code, _, err = cli(*args, *more, "--out", tmp_path / out)
        assert (code, why in err.splitlines()[-1]) == (1, True), err
    assert cli(*args, "--out", tmp_path / "two", "--ensemble", 3)[0] == 0, "more heads go on"
    assert len(list((tmp_path / "two").glob("fold-*/seed-*"))) == 6


def test_the_audit_is_said_once_and_each_run_keeps_its_own(cli, corpus, sentences, tmp_path):
    args = [
        "fit",
        corpus.cache,
        "--labels",
        sentences,
        "--no-floor",
        "--no-lstm",
        "--folds",
        2,
        "--epochs",
        1,
    ]
    code, _, err = cli(*args, "--group", "text", "--out", tmp_path / "f")
    assert code == 0
    (line,) = [line for line in err.splitlines() if "speakers, train and valid" in line]
    assert line.startswith("failed")
    assert "15 in both" in line
    for folder in ("f", "f/fold-1", "f/fold-2"):
        assert "speakers, train and valid" in (tmp_path / folder / "audit.json").read_text()
    code, _, err = cli(*args, "--group", "text", "--out", tmp_path / "s", "--strict")
    assert (code, "audit checks failed" in err.splitlines()[-1]) == (1, True)
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize("ensemble", [1, 2])
def test_a_killed_cross_validation_goes_on_with_the_same_bits(cli, corpus, sentences, tmp_path, ensemble):
    args = ["fit", corpus.cache, "--labels", sentences, "--no-floor", "--folds", 2, "--group", "speaker"]
    args += ["--ensemble", ensemble, "--hidden", 6, "--epochs", 6, "--threads", 1]
    assert cli(*args, "--out", tmp_path / "whole")[0] == 0
    command = list(map(str, [sys.executable, "-m", "train", *args, "--out", tmp_path / "killed"]))
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    while not list(tmp_path.glob("killed/fold-2/**/checkpoint.safetensors")):
        assert process.poll() is None
        time.sleep(0.005)
    process.kill()
    process.communicate(timeout=30)
    assert not (tmp_path / "killed" / "folds.json").exists()
    assert cli(*args, "--out", tmp_path / "killed")[0] == 0
    for path in sorted((tmp_path / "whole").rglob("[!.]*")):
        if path.suffix in {".csv", ".safetensors"} or path.name in {
            "folds.json",
            "metrics.json",
            "config.json",
        }:
            other = tmp_path / "killed" / path.relative_to(tmp_path / "whole")
            assert path.read_bytes() == other.read_bytes(), other
