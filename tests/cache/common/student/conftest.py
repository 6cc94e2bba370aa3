"""Students with random weights."""

from __future__ import annotations

import numpy as np
import pytest

from cache.common.student.layout import layout_of

VAD = ("arousal", "dominance", "valence")


@pytest.fixture(scope="session")
def drawn():
    """Draw the tensors of a size, such that a signal keeps its size on its way."""

    def draw(size: str, hidden: int = 0, seed: int = 0):
        layout, rng = layout_of(size, VAD, hidden), np.random.default_rng(seed)
        tensors = {
            name: (rng.standard_normal(shape) / np.sqrt(max(1, np.prod(shape[1:])))).astype(np.float32)
            for name, shape in layout.shapes().items()
        }
        return layout, tensors

    return draw
