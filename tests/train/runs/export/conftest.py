"""Heads with random weights as finished runs: nothing is fitted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from cache.format.recipe import Recipe
from train.config import FitConfig
from train.features.components import VALUES
from train.features.statistics import STATISTICS
from train.heads.head import HeadShape, new_head
from train.runs.run_folder import Run, Targets

HIDDEN, COMPONENTS = 9, 4  # channels of the hidden states; of a frame there are 3 more with VAD
DTYPES = {"hidden_states/12": "int8", "vad": "float16"}


def _make(seed: int = 0, recipe: dict[str, object] | None = None, **fields: object) -> Run:
    config = FitConfig(**{"hidden": 7, "layer": 12, **fields})  # type: ignore[arg-type]
    width, weighted = HIDDEN + 3 * config.vad, config.layer == "weighted"
    vector = config.clip_vector if config.global_mean else "mean"
    components = COMPONENTS if vector == "components" else 0
    clip_width = {"mean": None, "statistics": STATISTICS * width}.get(
        vector, STATISTICS * width + VALUES * components
    )
    shape = HeadShape(
        width, 4, config.hidden, config.lstm_layers, config.global_mean, config.fusion_head, config.lstm,
        config.temporal, config.fusion, config.standardise == "train", clip_width, config.dropout, components,
        layers=2 * weighted, layer_width=HIDDEN * weighted,
    )  # fmt: skip
    head, drawn = new_head(shape, seed), torch.Generator().manual_seed(seed)
    for name, buffer in head.named_buffers():  # as a fit would have learned them
        values = torch.randn(buffer.shape, generator=drawn)
        buffer.copy_(values.abs() + 0.5 if name.endswith("deviation") else values * 0.3)
    targets = Targets.of("id", ("Joy", "Fear", "Awe", "Calm"), np.array([[0.0] * 4, [0.2] * 4]))
    dtypes = {**DTYPES, **({"hidden_states/3": "int8"} if weighted else {})}
    made = Recipe(recipe or {"model": "toy", "stored_dtype": dtypes})
    if weighted:
        head.layer_weights.data.copy_(torch.tensor([0.5, -0.3]))
    return Run(Path("run"), config, head.eval(), targets, made, (3, 12) if weighted else 12, {})


@pytest.fixture(scope="session")
def make_run() -> Callable[..., Run]:
    """Make a run of a config's fields."""
    return _make
