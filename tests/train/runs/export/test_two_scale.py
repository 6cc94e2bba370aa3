"""Attention at two scales inside a graph, where clips end within, at and behind a window."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from train.heads.temporal.two_scale import TwoScaleAttention
from train.runs.export.check import session_of
from train.runs.export.frames import Field, input_frames
from train.runs.export.graph import Graph
from train.runs.export.two_scale import write_two_scale


@pytest.mark.parametrize("longest", [15, 16, 17, 33])
def test_whole_windows_are_made_of_any_length(longest) -> None:
    torch.manual_seed(0)
    model, graph = TwoScaleAttention(3, 8, 2).eval(), Graph()
    frames = input_frames(graph, "trained", (Field("x", 3, np.dtype(np.float32)),), None)
    data = graph.model(write_two_scale(graph, model, frames), "y", ["clips", 8], {})
    lengths, given = torch.tensor([longest, 1, longest // 2]), torch.randn(3, longest, 3)
    with torch.no_grad():
        expected = model.summarise(given, lengths).numpy()
    found = session_of(data).run(None, {"frames": given.numpy(), "lengths": lengths.numpy()})[0]
    np.testing.assert_allclose(found, expected, atol=1e-5)
