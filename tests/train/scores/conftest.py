"""Labels and predictions that correlate, for tests of statistics."""

from __future__ import annotations

import math

import numpy as np
import pytest


@pytest.fixture(scope="session")
def correlated():
    """Make labels and predictions (clips, targets) with a true correlation of ``rho``."""

    def make(n, k=1, rho=0.4, seed=0, ties=False):
        rng = np.random.default_rng(seed)
        truth = rng.standard_normal((n, k))
        prediction = rho * truth + math.sqrt(1 - rho**2) * rng.standard_normal((n, k))
        return (np.round(np.clip(truth, 0, None), 1) if ties else truth), prediction

    return make
