"""Rows of a grid: lists are combined, what cannot be is left out, mistakes are named."""

from __future__ import annotations

from dataclasses import replace

import pytest

from train import FitConfig
from train.errors import ConfigError
from train.heads.registry import ALL_FUSIONS
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


def names_and_sets(rows):
    return [(row.name, row.cache) for row in rows]


def test_every_set_of_streams_and_every_fusion_are_grids():
    base = replace(BASE, fusion="tensor", streams={"text": {"temporal": "gru"}})
    rows = read_grid("streams", base, ["audio+text"], streams=["audio", "text"])
    assert names_and_sets(rows) == [("audio + text", "audio+text"), ("audio", "audio"), ("text", "text")]
    assert rows[0].config == base
    assert rows[1].config == replace(BASE, fusion="concat")
    assert rows[2].config == replace(base, fusion="concat")
    rows = read_grid("fusions", base, ["audio+text"], streams=["audio", "text"])
    names = ["tensor", *(name for name in ALL_FUSIONS if name != "tensor"), "audio alone", "text alone"]
    assert [row.name for row in rows] == names
    assert [row.config.fusion for row in rows] == [*names[:-2], "concat", "concat"]
    assert len({row.slug for row in rows}) == len(rows)


STREAM_GRID = """
[base.streams.text]
hidden = 5
[grid]
streams = [["audio"], ["text", "audio"]]
fusion = ["concat", "tensor"]
"streams.text.temporal" = ["lstm", "attention"]
[[rows]]
name = "said"
streams = ["text"]
"streams.text.layer" = 3
lr = 0.1
"""


def test_a_file_chooses_streams_row_by_row(tmp_path):
    rows = read_grid(grid(tmp_path, STREAM_GRID), BASE, ["audio+text"], streams=["audio", "text"])
    assert names_and_sets(rows) == [
        ("audio, fusion concat", "audio"),
        ("audio + text, fusion concat, text lstm", "audio+text"),
        ("audio + text, fusion concat, text attention", "audio+text"),
        ("audio + text, fusion tensor, text lstm", "audio+text"),
        ("audio + text, fusion tensor, text attention", "audio+text"),
        ("said", "text"),
    ]
    assert rows[0].config == BASE
    assert rows[4].config.streams == {"text": {"hidden": 5, "temporal": "attention"}}
    assert (rows[5].config.streams, rows[5].config.lr) == ({"text": {"hidden": 5, "layer": 3}}, 0.1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[base]\nstreams = ['text']\n", r"\[base\]: a list of streams is of single rows"),
        ("[grid]\nstreams = ['text']\n", r"\[grid\], streams: found 'text', expected a list of names"),
        ("[[rows]]\nstreams = ['face']\n", r"\[\[rows\]\] 1, streams: no stream 'face', found audio, text"),
        (
            "[[rows]]\nstreams = ['text']\n'streams.audio.hidden' = 3\n",
            "streams.audio.hidden is of a stream that the row leaves out",
        ),
    ],
)
def test_a_file_that_asks_for_other_streams_is_refused(tmp_path, text, message):
    with pytest.raises(ConfigError, match=message):
        read_grid(grid(tmp_path, text), BASE, ["audio+text"], streams=["audio", "text"])
