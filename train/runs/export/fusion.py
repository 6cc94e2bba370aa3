"""The fusions as ONNX operators; dropout is off, as in every prediction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import nn

from train.runs.export.graph import Graph, Value

Write = Callable[[Graph, Any, Value], Value]


def _steps(graph: Graph, fusion: nn.Sequential, joined: Value) -> Value:
    for step in fusion:
        if isinstance(step, nn.Linear):
            joined = graph.linear(joined, step)
        else:
            joined = graph.op({nn.Tanh: "Tanh", nn.ReLU: "Relu"}[type(step)], joined)
    return joined


def _linear(graph: Graph, fusion: nn.Linear, joined: Value) -> Value:
    return graph.linear(joined, fusion)


# Fusion's name → what writes it into a graph: (graph, module, joined vectors) to (clips, targets).
FUSION: dict[str, Write] = {"concat": _steps, "linear": _linear, "mlp": _steps}


def fused(graph: Graph, name: str, fusion: nn.Module, vectors: Sequence[Value]) -> Value:
    """Return (clips, targets) of a clip's vectors, each (clips, width)."""
    joined = graph.op("Concat", *vectors, axis=1) if len(vectors) > 1 else vectors[0]
    return FUSION[name](graph, fusion, joined)
