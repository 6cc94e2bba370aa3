"""A temporal model inside a graph gives torch's vector of every clip, read to its own end."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from train.heads.registry import TEMPORAL_MODELS
from train.runs.export.check import session_of
from train.runs.export.frames import Field, input_frames
from train.runs.export.graph import Graph
from train.runs.export.temporal import TEMPORAL


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("name", TEMPORAL)
def test_it_gives_the_same_vector(name, layers) -> None:
    torch.manual_seed(0)
    model = TEMPORAL_MODELS.get(name)(5, 6, layers).eval()
    graph = Graph()
    frames = input_frames(graph, "trained", (Field("x", 5, np.dtype(np.float32)),), None)
    data = graph.model(TEMPORAL[name](graph, model, frames), "y", ["clips", model.output_width], {})
    lengths = torch.tensor([1, 4, 30])
    given = torch.randn(3, 30, 5)
    for row, length in enumerate(lengths):
        given[row, length:] = 0
    with torch.no_grad():
        expected = model.summarise(given, lengths).numpy()
    found = session_of(data).run(None, {"frames": given.numpy(), "lengths": lengths.numpy()})[0]
    np.testing.assert_allclose(found, expected, atol=1e-6)
