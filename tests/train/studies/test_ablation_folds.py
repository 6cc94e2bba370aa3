"""Studies of folds: tables are what the runs say, killed ones go on, and what cannot be is one line."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from cache import CompactOptions, compact, read_table
from train import FitConfig, fit, read_labels
from train.labels.folds import Folding, divide
from train.labels.read_tables import read_files
from train.report.page import write_report
from train.report.table import build_table
from train.studies.ablation import ablate
from train.studies.confirm import confirm_rows
from train.studies.floor.baselines import baseline, with_baselines
from train.studies.grid import component_rows
from train.studies.options import StudyOptions
from train.studies.parts import files_of, fold_parts
from train.studies.scored import describe, score_rows
from train.studies.study import load_study

BASE = FitConfig(hidden=4, epochs=2, batch_size=8, lr=5e-3)
BITS = ("head.safetensors", "history.csv", "predictions.csv", "metrics.json", "config.json")
NAMES = ("a", "b", "rare", "lone")


@pytest.fixture(scope="module")
def everything(corpus, table, tmp_path_factory):
    """All labelled clips in one table.

    The target "rare" is constant in the first fold, and "lone" is not constant in the second for one clip alone.
    """
    folder, clips = tmp_path_factory.mktemp("all"), list(corpus.speakers)
    plain = [[clip, 0.5, corpus.speakers[clip]] for clip in clips]
    labels = read_labels(table(folder / "plain.csv", ["clip_id", "a", "speaker"], plain))
    first, second, _ = (set(fold.positions.tolist()) for fold in divide(labels, Folding(3, "speaker")))
    rows = []
    for n, clip in enumerate(clips):
        one, two, three = corpus.truth[clip]
        rare, lone = 0.5 if n in first else three, 0.5 if n in second - {max(second)} else three
        more = [corpus.speakers[clip], f"t{n % 4}", "one", "" if n == 5 else "x"]
        rows.append([clip, one, two, rare, lone, *more])
    return table(folder / "all.csv", ["clip_id", *NAMES, "speaker", "text", "same", "holes"], rows)


@pytest.fixture(scope="module")
def parts(corpus, everything):
    labels = read_labels(everything, NAMES)
    return fold_parts([corpus.cache], labels, Folding(3, "speaker"))


@pytest.fixture(scope="module")
def rows():
    found = component_rows(BASE, "cache")
    return [found[0], found[-1]]


@pytest.fixture(scope="module")
def folds(corpus, parts, rows, tmp_path_factory):
    out = tmp_path_factory.mktemp("folds") / "out"
    study = ablate({"cache": corpus.cache}, parts, rows, StudyOptions(out, range(2), 2))
    return with_baselines(study, corpus.cache, parts, BASE)


def told(study, row):
    """Scores (folds, seeds, targets) of a row by numpy and scipy alone, from the tables in its runs."""
    truth = {
        r["clip_id"]: [float(r[name]) for name in NAMES] for r in read_table(study.path / "truth.csv").rows
    }
    found = []
    for runs in np.array(row.runs).reshape(3, -1):
        each = []
        for run in runs:
            with (study.path / run / "predictions.csv").open(newline="") as file:
                said = list(csv.DictReader(file))
            pairs = [(truth[r["clip_id"]], [float(r[name]) for name in NAMES]) for r in said]
            one, two = (np.array([pair[k] for pair in pairs]) for k in (0, 1))
            each.append(
                [
                    stats.pearsonr(one[:, k], two[:, k])[0]
                    if np.ptp(one[:, k]) and np.ptp(two[:, k])
                    else np.nan
                    for k in range(len(NAMES))
                ]
            )
        found.append(each)
    return np.array(found)


def test_every_table_is_what_numpy_and_scipy_make_of_the_predictions(folds):
    described = describe(folds, score_rows(folds))
    for row, said in zip(folds.rows, described["rows"], strict=True):
        if "constant" in row.name:
            continue
        each = told(folds, row).mean(1)
        expected = np.nanmean(each, axis=0)
        found = [said["per_target"][name] for name in NAMES]
        np.testing.assert_allclose([one["estimate"] for one in found], expected, atol=1e-6)
        assert [one["folds"] for one in found] == np.isfinite(each).sum(0).tolist()
        assert said["pearson"]["estimate"] == pytest.approx(expected.mean(), abs=1e-6)
        assert said["scores"]["pearson"]["per_target"]["a"] == pytest.approx(expected[0], abs=1e-6)
    assert {fold["clips"] for fold in described["folds"]} == {30}
    spread = told(folds, folds.rows[0])
    seeds = np.nanmean(spread, axis=0).mean(-1)
    assert score_rows(folds).spread[0] == pytest.approx(seeds.std(ddof=1), abs=1e-6)


def test_a_row_of_a_fold_is_what_the_same_config_gives_alone(folds, corpus, parts, quiet, tmp_path):
    run = folds.runs_of(folds.rows[0])[1][1]
    config = replace(component_rows(BASE, "cache")[0].config, seed=1)
    labels = read_files(files_of(parts.all[1], folds.path / "folds"))
    alone = fit(corpus.cache, labels, config, tmp_path / "alone", progress=quiet)
    assert "fold-2/seed-1" in run
    for name in BITS:
        assert (alone.path / name).read_bytes() == (folds.path / run / name).read_bytes(), name


def test_a_study_of_folds_comes_back_and_is_reported(folds, tmp_path):
    again = load_study(folds.path)
    assert (again.rows, again.folds, again.clip_ids) == (folds.rows, folds.folds, folds.clip_ids)
    text = write_report(folds.path, tmp_path / "report").read_text()
    estimate = score_rows(folds).intervals[0].estimate
    assert f"| {folds.reference} | {estimate:.3f} [" in text
    assert "given to the wrong speakers of their fold" in text
    assert "Mean pearson over 3 folds, divided by speaker; 90 clips" in text
    for name in ("chart.png", "differences.png", "scatter.png", "learning_curves.png"):
        assert (tmp_path / "report" / name).exists()
    assert text.count("emi-train reproduce") == 12
    (row,) = [
        line
        for line in text.splitlines()
        if line.startswith(f"| {folds.reference} | 0.") and line.count("|") == 10
    ]
    assert row.split("|")[2].strip() == f"{estimate:.3f}"


@pytest.mark.parametrize("damage", ["clips", "runs"])
def test_folds_that_do_not_fit_their_tables_are_one_line(folds, tmp_path, damage):
    from train.checksums import read_sealed, write_sealed
    from train.errors import RunError

    values = {key: value for key, value in read_sealed(folds.path / "results.json").items() if key != "files"}
    (tmp_path / "truth.csv").write_bytes((folds.path / "truth.csv").read_bytes())
    if damage == "clips":
        values["folds"][0]["clips"] += 1
    else:
        values["rows"][0]["runs"] = values["rows"][0]["runs"][:-1]
    write_sealed(tmp_path / "results.json", values, beside=("truth.csv",))
    with pytest.raises(RunError, match="not a study that this version knows"):
        load_study(tmp_path)


def test_a_target_that_a_fold_lacks_is_said_and_why_there_is_no_interval(folds):
    caption = build_table(folds, score_rows(folds)).caption
    assert "rare is defined in 2 of 3 folds, and is its mean over these." in caption
    why = "with one of the speakers left out the score is undefined: a column is constant then"
    assert f"No interval for lone: {why}." in caption
    found = describe(folds, score_rows(folds))["rows"][0]["per_target"]
    assert [each["folds"] for each in found.values()] == [3, 3, 2, 3]
    assert [np.isfinite(each["low"]) for each in found.values()] == [True, True, True, False]
    assert found["lone"]["why_none"] == why


def test_baselines_alone_are_those_below_a_study(folds, corpus, parts, tmp_path):
    alone = baseline(corpus.cache, parts, replace(BASE, select="last"), tmp_path / "alone")
    below = [row for row in folds.rows if row.name.startswith("baseline: ")]
    for one, two in zip(alone.rows, below, strict=True):
        np.testing.assert_allclose(alone.predictions(one), folds.predictions(two))
    assert "means over 3 folds, divided by speaker" in alone.caption
    again = baseline(corpus.cache, parts, replace(BASE, select="last"), tmp_path / "alone")
    assert again.rows[0].runs == alone.rows[0].runs


def test_tuning_is_nested_each_fold_takes_its_own_rate(corpus, parts, rows, tmp_path, capsys):
    out = tmp_path / "out"
    found = ablate({"cache": corpus.cache}, parts, rows[1:], StudyOptions(out, [0], 2, True))
    taken, said = [], capsys.readouterr().err
    for part in parts.all:
        scores = {}
        for path in (out / "tuning").glob(f"*/{part.name}/*/metrics.json"):
            scores[float(path.parent.name[3:])] = json.loads(path.read_text())["selection_score"]
            with (path.parent / "clips.csv").open(newline="") as file:
                used = {row["clip_id"] for row in csv.DictReader(file) if row["part"] != "valid"}
            assert not used & set(part.labels.valid.clip_ids)
        assert len(scores) == 4
        some = {rate: score for rate, score in scores.items() if score is not None}
        taken.append(max(sorted(some), key=some.get) if some else min(scores))
        unknown = f"{part.name[-1]} of 3: lr {taken[-1]:g}, the first, for none has a score"
        assert (unknown in said) is not bool(some)
    runs = [
        json.loads((out / runs[0] / "config.json").read_text())["lr"] for runs in found.runs_of(found.rows[0])
    ]
    assert runs == taken
    assert found.rows[0].rates == (tuple(taken) if len(set(taken)) > 1 else ())
    column = next(c for c in build_table(found, score_rows(found)).columns if c.title == "lr")
    assert column.cells == [
        ", ".join(f"{rate:g}" for rate in taken) if len(set(taken)) > 1 else f"{taken[0]:g}"
    ]
    assert "chosen for each row and fold on that part from" in found.caption
    assert load_study(out).rows == found.rows


def test_a_confirmation_takes_the_rates_of_the_folds_and_pays_for_all_rows(corpus, parts, tmp_path):
    options = StudyOptions(tmp_path / "out", [0], 2)
    rows = component_rows(BASE, "cache")[-4:]
    study = ablate({"cache": corpus.cache}, parts, rows, options)
    rates = (1e-3, 3e-3, 5e-3)
    study = replace(study, rows=tuple(replace(row, rates=rates) for row in study.rows))
    found = confirm_rows(study, corpus.cache, parts, options)
    assert found.family == 3
    assert "inner parts of all folds, which hold clips that other folds report on" in found.caption
    assert [fold.name for fold in found.folds] == ["fold-1", "fold-2", "fold-3"]
    for row in found.rows:
        configs = [json.loads((found.path / run / "config.json").read_text())["lr"] for run in row.runs]
        assert configs == list(rates)
        assert row.rates == rates


def test_fidelity_over_folds_is_the_difference_of_the_means(cli, corpus, everything, tmp_path):
    small = compact(corpus.cache, tmp_path / "small", CompactOptions(pool=2, dtype="int8"), fit_on=None).path
    args = [
        "--labels",
        everything,
        "--folds",
        3,
        "--group",
        "speaker",
        "--seeds",
        2,
        "--epochs",
        1,
        "--hidden",
        3,
    ]
    code, out, err = cli("fidelity", corpus.cache, small, *args, "--out", tmp_path / "out", "--json")
    assert code == 0, err
    found = json.loads(out)
    study = load_study(tmp_path / "out")
    for name in ("full", "compact"):
        expected = np.nanmean(told(study, study.row(name)).mean(1), axis=0).mean()
        assert found[name]["estimate"] == pytest.approx(expected, abs=1e-6)
    gap = found["compact"]["estimate"] - found["full"]["estimate"]
    assert found["difference"]["estimate"] == pytest.approx(gap)
    assert "full: coverage, train" in err


def arguments(corpus, everything, out, *more):
    options = [
        "--hidden",
        4,
        "--epochs",
        2,
        "--batch-size",
        8,
        "--lr",
        5e-3,
        "--no-baselines",
        "--workers",
        2,
    ]
    return [
        "ablate",
        corpus.cache,
        "--labels",
        everything,
        "--out",
        out,
        "--targets",
        "a,b,rare,lone",
        *options,
        *more,
    ]


def test_a_killed_study_of_folds_goes_on_with_the_same_bits(folds, corpus, everything, cli, tmp_path):
    grid = tmp_path / "grid.toml"
    grid.write_text(
        "[[rows]]\nname = 'LSTM + global mean + fusion head + VAD'\n[[rows]]\nname = 'short'\nlstm = false\n"
    )
    more = ["--folds", 3, "--group", "speaker", "--seeds", 2, "--grid", grid]
    args = arguments(corpus, everything, tmp_path / "out", *more)
    command = list(map(str, [sys.executable, "-m", "train", *args]))
    for wanted in (1, 5):  # killed twice, early and late
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        while len(list(tmp_path.glob("out/runs/*/*/*/history.csv"))) < wanted:
            assert process.poll() is None or process.returncode == 0
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=30)
        assert not list(tmp_path.glob("out/results.json")) or process.returncode == 0
    code, out, err = cli(*args)
    assert code == 0, err
    assert "Δ: row minus" in out
    again = load_study(tmp_path / "out")
    for one, two in zip(again.rows[0].runs, folds.rows[0].runs, strict=True):
        for name in BITS:
            assert (again.path / one / name).read_bytes() == (folds.path / two / name).read_bytes(), name
    for other, why in (
        (["--folds", 2, "--group", "speaker"], "exists and holds something else, a fold of other labels"),
        (["--folds", 3, "--group", "text"], "exists and holds something else, a fold of other labels"),
        (["--folds", "loo", "--group", "speaker"], "exists and holds something else, a fold of other labels"),
        (["--inner-share", 0.3, "--folds", 3, "--group", "speaker"], ""),
    ):
        code, _, err = cli(*arguments(corpus, everything, tmp_path / "out", "--grid", grid, *other))
        assert code == (1 if why else 0), err
        assert why in err.splitlines()[-1]


def test_a_study_of_a_split_and_one_of_folds_share_no_folder(cli, corpus, folds, everything, tmp_path):
    more = ["--seeds", 1, "--grid", tmp_path / "g.toml"]
    (tmp_path / "g.toml").write_text("[[rows]]\nlstm = false\n")
    for command in ("ablate", "baseline"):
        options = [*more, "--no-baselines", "--epochs", 1] if command == "ablate" else []
        first = [command, corpus.cache, "--labels", corpus.labels, "--out", tmp_path / command, *options]
        assert cli(*first)[0] == 0
        code, _, err = cli(*first, "--folds", 3, "--group", "speaker")
        assert (code, "of a split, and one of folds is asked for" in err.splitlines()[-1]) == (1, True)
        second = [
            command,
            corpus.cache,
            "--labels",
            corpus.labels,
            "--out",
            tmp_path / f"{command}2",
            *options,
        ]
        assert cli(*second, "--folds", 3, "--group", "speaker")[0] == 0
        code, _, err = cli(*second)
        assert (code, "of folds, and one of a split is asked for" in err.splitlines()[-1]) == (1, True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--folds", 16, "--group", "speaker"], "15 speakers for 16 folds; use fewer --folds"),
        (["--folds", 5, "--group", "text"], "4 groups by text for 5 folds; use fewer --folds"),
        (["--folds", 2, "--group", "same"], "--group same is 'one' for all 90 clips, found one group"),
        (["--folds", "loo", "--group", "same"], "--group same is 'one' for all 90 clips, found one group"),
        (["--folds", 2, "--group", "holes"], "column 'holes' is empty for 1 of 90 clips: 00005"),
        (["--folds", 2, "--group", "country"], "no column 'country' to divide by, found clip_id"),
        (["--folds", 1, "--group", "speaker"], "folds: found 1, expected 2 or more"),
        (
            ["--folds", "few", "--group", "speaker"],
            "folds: found 'few', expected a number of 2 or more, or loo",
        ),
        (["--folds", 3], "use --group speaker, or --allow-speaker-overlap"),
    ],
)
def test_what_cannot_be_divided_is_one_line_and_leaves_nothing(
    cli, corpus, everything, tmp_path, options, message
):
    for command in ("ablate", "baseline", "fit"):
        out = tmp_path / command
        code, text, err = cli(command, corpus.cache, "--labels", everything, "--out", out, *options)
        assert (code, text, len(err.splitlines())) == (1, "", 1), err
        assert message in err
        assert not out.exists()


def test_how_to_divide_without_folds_is_a_usage_error(cli, corpus, everything, tmp_path):
    for command in ("ablate", "baseline"):
        code, _, err = cli(
            command, corpus.cache, "--labels", everything, "--out", tmp_path / "o", "--group", "text"
        )
        assert code == 2
        assert "says how --folds divides the clips" in " ".join(err.replace("│", " ").split())


def test_leaving_out_one_speaker_after_the_other_and_a_group_of_one_clip(cli, corpus, table, tmp_path):
    clips = list(corpus.speakers)[:25]  # four speakers of six clips, and one of a single clip
    rows = [[clip, *corpus.truth[clip][:2], corpus.speakers[clip]] for clip in clips]
    path = table(tmp_path / "few.csv", ["clip_id", "a", "b", "speaker"], rows)
    args = ["baseline", corpus.cache, "--labels", path, "--folds", "loo", "--group", "speaker"]
    code, out, err = cli(*args, "--out", tmp_path / "o", "--json")
    assert code == 0, err
    found = json.loads(out)
    assert [(fold["group"], fold["clips"]) for fold in found["folds"]] == [
        *((f"s0{n}", 6) for n in range(4)),
        ("s04", 1),
    ]
    ridge = next(row for row in found["rows"] if row["name"] == "global mean, ridge")
    assert {each["folds"] for each in ridge["per_target"].values()} == {4}
    assert ridge["pearson"]["clusters"] == 4
    assert np.isfinite(ridge["pearson"]["low"])
    code, out, _ = cli(*args, "--out", tmp_path / "o")
    assert "a is defined in 4 of 5 folds" in out


def test_groups_of_clips_are_scored_fold_by_fold(cli, corpus, everything, folds, tmp_path):
    grid = tmp_path / "grid.toml"
    grid.write_text("[[rows]]\nname = 'mean'\nlstm = false\n")
    more = ["--folds", 3, "--group", "speaker", "--seeds", 1, "--grid", grid, "--by", "text"]
    code, out, err = cli(*arguments(corpus, everything, tmp_path / "out", *more, "--json"))
    assert code == 0, err
    found = json.loads(out)["groups"]
    assert found["by"] == "text"
    groups = {row["clip_id"]: row["text"] for row in read_table(everything).rows}
    study = load_study(tmp_path / "out")
    (row,) = study.rows
    for said in found["rows"]["mean"]:
        scores = []
        for fold in study.places:
            where = [n for n in range(fold.start, fold.stop) if groups[study.clip_ids[n]] == said["group"]]
            one, two = study.truth[where], study.predictions(row)[0][where]
            pairs = [(one[:, k], two[:, k]) for k in range(len(NAMES))]
            scores.append([stats.pearsonr(a, b)[0] if np.ptp(a) else np.nan for a, b in pairs])
        assert said["clips"] == sum(group == said["group"] for group in groups.values())
        assert said["estimate"] == pytest.approx(np.nanmean(scores, axis=0).mean())
    code, out, _ = cli(*arguments(corpus, everything, tmp_path / "out", *more))
    assert "text  t0 (23 clips)" in out
    assert "a score within a group is not comparable" in out
    code, _, err = cli(*arguments(corpus, everything, tmp_path / "two", *more[:-1], "country"))
    assert (code, len(err.splitlines())) == (1, 1)
    assert "no column 'country' to group by" in err
    assert not (tmp_path / "two").exists()


def test_what_does_not_fit_the_cache_leaves_no_folds_behind(cli, corpus, everything, tmp_path):
    for command, wrong in (("ablate", ["--layer", 7]), ("baseline", ["--layer", 7]), ("fit", ["--layer", 7])):
        args = [
            command,
            corpus.cache,
            "--labels",
            everything,
            "--out",
            tmp_path / command,
            "--group",
            "speaker",
        ]
        code, _, err = cli(*args, "--folds", 3, *wrong)
        assert (code, "layer 7 is not in this cache" in err.splitlines()[-1]) == (1, True)
        assert not list((tmp_path / command).glob("**/*.csv"))


def test_tables_of_folds_that_were_cut_short_are_completed(corpus, parts, rows, tmp_path):
    from train.studies.parts import kept

    kept(parts, tmp_path / "out" / "folds")
    for name in ("fold-1.valid.csv", "fold-3.train.csv"):
        (tmp_path / "out" / "folds" / name).unlink()
    found = ablate({"cache": corpus.cache}, parts, rows[1:], StudyOptions(tmp_path / "out", [0], 1))
    assert len(found.rows[0].runs) == 3
    assert len(list((tmp_path / "out" / "folds").iterdir())) == 6


def test_a_killed_floor_of_folds_goes_on(folds, corpus, parts, tmp_path):
    out = tmp_path / "floor"
    (out / "baselines" / "constant").mkdir(parents=True)  # killed before the folder of its first fold
    alone = baseline(corpus.cache, parts, replace(BASE, select="last"), out, folds.path / "folds")
    assert len(alone.rows[0].runs) == 3
    assert not (out / "folds").exists()
