"""Ensembles: they predict the mean of their seeds, and say what each scores alone."""

from __future__ import annotations

import json

import numpy as np

from train import load_run
from train.runs.predict import predict


def test_an_ensemble_predicts_the_mean_of_its_seeds(cli, corpus, splits, tmp_path):
    args = ["--labels", corpus.labels, "--hidden", 4, "--epochs", 1, "--batch-size", 8]
    code, out, err = cli("fit", corpus.cache, *args, "--ensemble", 2, "--out", tmp_path / "both", "--json")
    assert code == 0, err
    assert json.loads(out)["runs"] == ["seed-0", "seed-1"]
    both = predict(load_run(tmp_path / "both"), corpus.cache, splits.valid.clip_ids)
    alone = [
        predict(load_run(tmp_path / "both" / f"seed-{seed}"), corpus.cache, splits.valid.clip_ids)
        for seed in (0, 1)
    ]
    np.testing.assert_allclose(both.values, (alone[0].values + alone[1].values) / 2)
    assert (
        cli("evaluate", tmp_path / "both", corpus.cache, "--labels", corpus.labels, "--permutations", 0)[0]
        == 0
    )
    assert cli("reproduce", tmp_path / "both")[0] == 0
