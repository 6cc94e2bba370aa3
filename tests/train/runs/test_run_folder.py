"""A run folder is claimed by one fit, loaded whole, and refused where it is something else."""

from __future__ import annotations

import json

import numpy as np
import pytest

from train import load_run
from train.errors import RunError
from train.runs.claim import claim, is_finished
from train.runs.run_folder import Targets

ONE = {"config": {"lr": 0.1}, "recipe_id": "r"}


def test_a_claimed_folder_is_that_of_one_fit(tmp_path):
    assert not claim(tmp_path, ONE, overwrite=False)
    assert json.loads((tmp_path / "environment.json").read_text()) == {"identity": ONE}
    assert not is_finished(tmp_path, ONE)
    other = {**ONE, "config": {"lr": 0.1, "fusion": "gated"}}
    with pytest.raises(
        RunError, match=r"an unfinished run of another fit, different in config \(fusion None"
    ):
        claim(tmp_path, other, overwrite=False)
    assert not claim(tmp_path, other, overwrite=True)
    with pytest.raises(RunError, match=r"config \(fusion 'gated' → None\).*replace it with --overwrite"):
        is_finished(tmp_path, ONE)
    (tmp_path / "metrics.json").write_text("{}")
    assert is_finished(tmp_path, other)


def test_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(RunError, match="no such run folder"):
        load_run(tmp_path / "none")
    with pytest.raises(RunError, match="not a finished run"):
        load_run(tmp_path)
    (tmp_path / "ensemble.json").write_text('{"runs": ["../elsewhere"]}')
    with pytest.raises(RunError, match="names no runs of this folder"):
        load_run(tmp_path)


def test_a_run_knows_the_clips_that_shaped_it(run, splits):
    assert run.trained_on() == set(splits.train.clip_ids)


def test_targets_clip_to_the_range_of_the_training_labels():
    targets = Targets.of("id", ("a",), np.array([[0.2], [0.6]]))
    np.testing.assert_array_equal(targets.clipped(np.array([[0.0], [0.5], [0.9]])), [[0.2], [0.5], [0.6]])
