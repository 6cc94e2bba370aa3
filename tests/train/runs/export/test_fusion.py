"""A fusion inside a graph gives what torch's does, without dropout."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from train.heads.registry import FUSIONS
from train.runs.export.check import session_of
from train.runs.export.fusion import FUSION, fused
from train.runs.export.graph import Graph


@pytest.mark.parametrize("name", FUSION)
def test_it_gives_the_same(name) -> None:
    torch.manual_seed(0)
    model = FUSIONS.get(name)([3, 2], 4, 0.5).eval()
    graph = Graph()
    vectors = [graph.input(each, np.float32, ["clips", width]) for each, width in (("a", 3), ("b", 2))]
    data = graph.model(fused(graph, name, model, vectors), "y", ["clips", 4], {})
    one, two = torch.randn(6, 3), torch.randn(6, 2)
    with torch.no_grad():
        expected = model(one, two).numpy()
    found = session_of(data).run(None, {"a": one.numpy(), "b": two.numpy()})[0]
    np.testing.assert_allclose(found, expected, atol=1e-6)
