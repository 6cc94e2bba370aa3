"""Heads are trained on imported features as on extracted ones: the same numbers give the same predictions."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from cache import CacheReader
from cache.imports.options import ImportOptions
from cache.imports.write import import_features
from train.__main__ import app


@pytest.fixture(scope="module")
def imported(corpus, tmp_path_factory):
    """The frames of a layer of the corpus, imported from a file of torch: with a layer's number, and without."""
    folder = tmp_path_factory.mktemp("imported")
    with CacheReader(corpus.cache) as reader:
        frames = {clip_id: reader[clip_id].frames["hidden_states/2"] for clip_id in reader.clip_ids}
    torch.save(
        {name: torch.from_numpy(np.array(values)) for name, values in frames.items()}, folder / "layer.pt"
    )
    for name, layer in (("layer", "2"), ("plain", None)):
        options = ImportOptions(frame_shift=0.02, layer=layer, encoder="toy")
        assert import_features([folder / "layer.pt"], folder / name, options).failures == ()
    return folder


def emi(*arguments: object) -> str:
    done = CliRunner().invoke(app, list(map(str, arguments)))
    assert done.exit_code == 0, done.output + repr(done.exception)
    return done.stdout


FIT = ("--no-vad", "--hidden", 4, "--epochs", 2, "--no-floor")


@pytest.mark.parametrize(("name", "options"), [("layer", ["--layer", 2]), ("plain", [])])
def test_a_head_is_that_of_the_extracted_cache(corpus, imported, tmp_path, name, options) -> None:
    emi("fit", imported / name, "--labels", corpus.labels, *FIT, *options, "--out", tmp_path / "a")
    emi("fit", corpus.cache, "--labels", corpus.labels, *FIT, "--layer", 2, "--out", tmp_path / "b")
    a, b = (
        np.loadtxt(tmp_path / run / "predictions.csv", delimiter=",", skiprows=1, usecols=(2, 3))
        for run in "ab"
    )
    # The means of extracted features are taken before the cast to float16, those of imported ones after it.
    np.testing.assert_allclose(a, b, atol=5e-3)
    (tmp_path / "ids.csv").write_text("clip_id\n" + "\n".join(list(corpus.truth)[:3]) + "\n")
    emi(
        "predict", tmp_path / "a", imported / name, "--ids", tmp_path / "ids.csv", "--out", tmp_path / "p.csv"
    )
    assert len((tmp_path / "p.csv").read_text().splitlines()) == 4
    config = json.loads((tmp_path / "a" / "config.json").read_text())
    assert config["vad"] is False


def test_studies_take_it(corpus, imported, tmp_path) -> None:
    (tmp_path / "g.toml").write_text("[base]\nvad = false\nhidden = 4\n[grid]\nlr = [0.001, 0.01]\n")
    emi(
        *("ablate", imported / "plain", "--labels", corpus.labels, "--grid", tmp_path / "g.toml"),
        *("--seeds", 1, "--epochs", 1, "--out", tmp_path / "study"),
    )
    assert (tmp_path / "study" / "table.csv").exists()
    emi("baseline", imported / "plain", "--labels", corpus.labels, "--out", tmp_path / "base")
