"""The pearson loss against numpy's moments."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from train.losses.pearson import pearson


def test_it_is_what_its_formula_says():
    rng = np.random.default_rng(0)
    one, two = rng.standard_normal((2, 20, 3))
    value, skipped = pearson(torch.from_numpy(one), torch.from_numpy(two))
    assert value is not None
    assert (value.item(), skipped) == (pytest.approx(formula(one, two)), 0)


def formula(one, two):
    return np.mean([1 - np.corrcoef(one[:, k], two[:, k])[0, 1] for k in range(3)])
