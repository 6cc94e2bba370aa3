"""Selective state spaces inside a graph: one Scan for each layer and direction, whatever the number of frames."""

from __future__ import annotations

import numpy as np
import onnx
import torch

from train.heads.temporal.mamba import TwoWayMamba
from train.runs.export.check import session_of
from train.runs.export.frames import Field, input_frames
from train.runs.export.graph import Graph
from train.runs.export.mamba import write_mamba


def test_states_go_from_frame_to_frame_in_both_directions() -> None:
    torch.manual_seed(0)
    model, graph = TwoWayMamba(3, 20, 2), Graph()
    frames = input_frames(graph, "trained", (Field("x", 3, np.dtype(np.float32)),), None)
    data = graph.model(write_mamba(graph, model, frames), "y", ["clips", 40], {})
    assert [node.op_type for node in onnx.load_from_string(data).graph.node].count("Scan") == 4
    lengths, given = torch.tensor([200, 1, 77]), torch.randn(3, 200, 3)
    with torch.no_grad():
        expected = model.summarise(given, lengths).numpy()
    given[1, 1:], given[2, 77:] = np.nan, np.nan
    found = session_of(data).run(None, {"frames": given.numpy(), "lengths": lengths.numpy()})[0]
    np.testing.assert_allclose(found, expected, atol=1e-5)
