"""The ccc loss against numpy's moments."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from train.losses.ccc import ccc


def test_it_is_what_its_formula_says():
    rng = np.random.default_rng(0)
    one, two = rng.standard_normal((2, 20, 3))
    value, skipped = ccc(torch.from_numpy(one), torch.from_numpy(two))
    assert value is not None
    assert (value.item(), skipped) == (pytest.approx(formula(one, two)), 0)


def formula(one, two):
    shared = [np.cov(one[:, k], two[:, k], bias=True)[0, 1] for k in range(3)]
    total = one.var(0) + two.var(0) + (one.mean(0) - two.mean(0)) ** 2
    return np.mean(1 - 2 * np.array(shared) / total)
