"""Rows of a grid: lists are combined, what cannot be is left out, mistakes are named."""

from __future__ import annotations

import pytest

from train import FitConfig
from train.errors import ConfigError
from train.studies.grid import read_grid

BASE = FitConfig(hidden=6, epochs=3, batch_size=8, lr=5e-3)


def grid(tmp_path, text):
    path = tmp_path / "grid.toml"
    path.write_text(text)
    return str(path)


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
