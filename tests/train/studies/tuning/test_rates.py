"""Learning rates of an ablation: chosen for each row, and shown."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from train import FitConfig
from train.errors import ConfigError
from train.report.table import build_table
from train.studies.ablation import ablate
from train.studies.grid import component_rows
from train.studies.options import StudyOptions
from train.studies.scored import describe, score_rows
from train.studies.study import load_study

BASE = FitConfig(hidden=6, epochs=3, batch_size=8, lr=5e-3)


def test_tune_gives_each_row_the_rate_that_scores_best_on_the_inner_part(corpus, splits, tmp_path):
    rows = component_rows(BASE, "cache")[-1:]
    found = ablate({"cache": corpus.cache}, splits, rows, StudyOptions(tmp_path / "out", [0], 2, True))
    scores = {}
    for path in (tmp_path / "out" / "tuning").glob("*/*/metrics.json"):
        scores[float(path.parent.name.removeprefix("lr-"))] = json.loads(path.read_text())["selection_score"]
    assert set(scores) == {3e-4, 1e-3, 3e-3, 5e-3}
    assert found.rows[0].config["lr"] == max(scores, key=scores.get)
    rate = f"{found.rows[0].config['lr']:g}"
    for shown in (found, load_study(found.path)):
        scores = score_rows(shown)
        column = next(each for each in build_table(shown, scores).columns if each.title == "lr")
        assert column.cells == [rate]
        assert describe(shown, scores)["rows"][0]["lr"] == float(rate)
    assert f"lr {rate}, chosen for each row on that part from 0.0003, 0.001, 0.003, 0.005" in found.caption
    last = [replace(row, config=replace(row.config, select="last")) for row in rows]
    with pytest.raises(ConfigError, match="--tune lr chooses on the inner part"):
        ablate({"cache": corpus.cache}, splits, last, StudyOptions(tmp_path / "two", [0], 1, True))


@pytest.mark.parametrize("text", ["[grid]\nlr = [1e-3, 3e-4]\n", "[grid]\nlr = [1e-3]\n"])
def test_tuning_a_grid_of_learning_rates_is_refused(cli, corpus, tmp_path, text):
    path = tmp_path / "grid.toml"
    path.write_text(text)
    args = ["ablate", corpus.cache, "--labels", corpus.labels, "--out", tmp_path / "out", "--tune", "lr"]
    code, _, err = cli(*args, "--grid", path)
    assert (code, "take lr out of the grid, or leave --tune out" in err.splitlines()[-1]) == (1, True)
    assert not list((tmp_path / "out").glob("[!.]*"))
