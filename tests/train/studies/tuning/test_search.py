"""The search: on the inner part alone, within its time, the same again, every trial listed."""

from __future__ import annotations

import csv
import time
from dataclasses import replace

import numpy as np
import pytest

from train.config import FitConfig
from train.errors import ConfigError, RunError
from train.labels.folds import Folding
from train.labels.read_tables import read_labels
from train.runs.run_folder import load_run
from train.studies.grid import Row
from train.studies.jobs import study_context
from train.studies.options import SearchOptions, StudyOptions
from train.studies.parts import fold_parts, whole
from train.studies.tuning.search import (
    SEARCHED,
    TRIALS,
    candidates,
    require_searchable,
    searched,
    spoken,
    varied,
)


@pytest.fixture
def config(small) -> FitConfig:
    return replace(small, epochs=4, hidden=5)


def search(corpus, parts, rows, out, minutes=5.0, **fixed):
    options = SearchOptions(minutes, **fixed)
    with study_context({"cache": corpus.cache}, parts, rows, StudyOptions(out, workers=2)) as context:
        return searched(context, rows, options)


def trials(out):
    with (out / "trials.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_candidates_begin_with_the_rows_own_and_repeat_nothing() -> None:
    base = FitConfig(hidden=48, lr=2e-3, loss="pearson", dropout=0.1)
    found = candidates(base)
    assert found[0] == base
    assert len(set(found)) == len(found) == TRIALS
    assert found == candidates(base)
    assert {each.loss for each in found} == {"pearson", "mse", "mse+ccc"}
    assert len({(each.lstm, each.temporal) for each in found}) == 4
    for each in found:
        assert replace(each, **{name: getattr(base, name) for name in ("lstm", *SEARCHED)}) == base
        if not each.lstm:
            assert (each.hidden, each.temporal) == (base.hidden, base.temporal)


def test_what_is_fixed_stays_and_a_head_never_loses_both_inputs() -> None:
    base = FitConfig(global_mean=False)
    assert all(each.lstm for each in candidates(base))
    found = candidates(base, {"lr", "temporal"})
    assert {each.lr for each in found} == {base.lr}
    assert {each.temporal for each in found} == {"lstm"}
    assert {each.lstm for each in candidates(FitConfig(lstm=False), {"lstm"})} == {False}
    assert candidates(base, SEARCHED) == [base]
    assert {each.loss for each in candidates(FitConfig(loss="cross-entropy"))} == {"cross-entropy"}


def test_the_best_of_the_longest_trials_is_taken(corpus, splits, config, tmp_path) -> None:
    rows = [Row("fit", config, "cache")]
    found = search(corpus, whole(splits), rows, tmp_path / "s")["fit", ""].config
    listed = trials(tmp_path / "s")
    assert [len([row for row in listed if row["epochs"] == epochs]) for epochs in "124"] == [TRIALS, 4, 2]
    first = {row["trial"]: float(row["inner score"]) for row in listed if row["epochs"] == "1"}
    second = {row["trial"] for row in listed if row["epochs"] == "2"}
    assert second == set(sorted(first, key=lambda trial: -first[trial])[:4])
    last = [row for row in listed if row["epochs"] == "4"]
    best = max(last, key=lambda row: float(row["inner score"]))
    assert [row["trial"] for row in listed if row["choice"] == "taken"] == [best["trial"]]
    assert str(found.lr) == best["lr"]
    assert found.epochs == config.epochs
    assert replace(found, **{name: getattr(config, name) for name in ("lstm", *SEARCHED)}) == config
    run = load_run(next((tmp_path / "s" / "tuning").glob(f"fit-*/trial-{best['trial']}-of-4")))
    assert run.metrics["selected_on"] == "inner"
    assert run.metrics["selection_score"] == pytest.approx(float(best["inner score"]))


def test_reported_labels_have_no_say(corpus, splits, config, tmp_path) -> None:
    rows = [Row("fit", config, "cache")]
    one = search(corpus, whole(splits), rows, tmp_path / "one")
    rng = np.random.default_rng(0)
    other = replace(splits, valid=replace(splits.valid, targets=rng.permuted(splits.valid.targets, axis=0)))
    two = search(corpus, whole(other), rows, tmp_path / "two")
    assert one == two
    scores = [[row["inner score"] for row in trials(tmp_path / name)] for name in ("one", "two")]
    assert scores[0] == scores[1]


def test_each_fold_chooses_for_itself(corpus, config, tmp_path, table) -> None:
    rows_of = [[clip, *corpus.truth[clip], corpus.speakers[clip]] for clip in corpus.speakers]
    path = table(tmp_path / "all.csv", ["clip_id", "a", "b", "c", "speaker"], rows_of)
    labels = read_labels(path)
    parts = fold_parts([corpus.cache], labels, Folding(2, "speaker"))
    rows = [Row("a", config, "cache"), Row("b", replace(config, lr=1e-4), "cache")]
    assert varied(rows) == {"lr"}
    found = search(corpus, parts, rows, tmp_path / "s", fixed=varied(rows))
    assert set(found) == {(row, f"fold-{n}") for row in "ab" for n in (1, 2)}
    assert {row.config.lr for (name, _), row in found.items() if name == "b"} == {1e-4}
    taken = [row for row in trials(tmp_path / "s") if row["choice"] == "taken"]
    assert len(taken) == 4


def test_time_ends_it_and_the_rows_own_config_is_left(corpus, splits, config, tmp_path) -> None:
    rows = [Row("fit", replace(config, epochs=4000), "cache")]
    started = time.monotonic()
    found = search(corpus, whole(splits), rows, tmp_path / "s", minutes=1 / 60)["fit", ""]
    assert time.monotonic() - started < 10
    assert found.config == rows[0].config
    assert len(trials(tmp_path / "s")) == 0


def test_a_finished_search_is_read_and_another_refused(corpus, splits, config, tmp_path, monkeypatch) -> None:
    rows = [Row("fit", config, "cache")]
    one = search(corpus, whole(splits), rows, tmp_path / "s")
    monkeypatch.setattr("train.studies.jobs.run_all", None)
    assert search(corpus, whole(splits), rows, tmp_path / "s") == one
    with pytest.raises(RunError, match="is of another search"):
        search(corpus, whole(splits), [Row("other", config, "cache")], tmp_path / "s")
    with pytest.raises(RunError, match="is of another search"):
        search(corpus, whole(splits), [Row("fit", replace(config, seed=3), "cache")], tmp_path / "s")


def test_rows_that_choose_on_valid_and_times_that_are_none_are_refused() -> None:
    with pytest.raises(ConfigError, match="leave out --select valid"):
        require_searchable([Row("x", FitConfig(select="valid"), "c")])
    with pytest.raises(ConfigError, match="tune first"):
        require_searchable([Row("x", FitConfig(select="last", train_on_all=True), "c")])
    for minutes in (0, -1, float("nan"), float("inf")):
        with pytest.raises(ConfigError, match="--tune-minutes"):
            SearchOptions(minutes)


def test_what_was_taken_is_said_in_words() -> None:
    base = FitConfig()
    assert spoken(base, base) == "its own config"
    assert spoken(replace(base, lr=3e-3, dropout=0.5), base) == "lr 0.003, dropout 0.5"
