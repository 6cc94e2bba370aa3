"""Selective state spaces as ONNX operators: all frames at once, but for the recurrence, which is a Scan."""

from __future__ import annotations

from typing import cast

import numpy as np
from torch import Tensor

from train.heads.temporal.mamba import KERNEL, STATES, MambaLayer, TwoWayMamba
from train.runs.export.frames import Frames
from train.runs.export.graph import Graph, Value


def write_mamba(graph: Graph, model: TwoWayMamba, frames: Frames) -> Value:
    """Return (clips, 2 · hidden): each direction's output where it has read the whole clip."""
    one = graph.linear(frames.values, model.project)
    two = graph.op("ReverseSequence", one, frames.lengths, batch_axis=0, time_axis=1)
    for ahead, back in zip(model.forward_layers, model.backward_layers, strict=True):
        one, two = (
            _layer(graph, cast(MambaLayer, each), value) for each, value in ((ahead, one), (back, two))
        )
    width = model.output_width // 2
    ends = [graph.last(each, frames.lengths, width) for each in (one, two)]
    return graph.op("Concat", *ends, axis=1)


def _layer(graph: Graph, layer: MambaLayer, values: Value) -> Value:
    """Return (clips, frames, width) of as much."""
    sequence = graph.op("Transpose", _norm(graph, layer, values), perm=[1, 0, 2])
    both = graph.linear(sequence, layer.in_proj)
    inner, end = layer.D.shape[0], np.iinfo(np.int64).max
    given, gate = graph.slice(both, 0, inner, 2), graph.slice(both, inner, end, 2)
    taken = _silu(graph, _convolved(graph, layer, given))
    made = graph.linear(taken, layer.x_proj)
    ends = [0, layer.rank, layer.rank + STATES, layer.rank + 2 * STATES]
    steps, into, out_of = (graph.slice(made, ends[k], ends[k + 1], 2) for k in range(3))
    steps = graph.op("Softplus", graph.linear(steps, layer.dt_proj))
    found = _scanned(graph, layer, [graph.op("Mul", steps, taken), steps, into, out_of])
    found = graph.op("Add", found, graph.op("Mul", taken, graph.constant(layer.D)))
    moved = graph.linear(graph.op("Mul", found, _silu(graph, gate)), layer.out_proj)
    return graph.op("Add", values, graph.op("Transpose", moved, perm=[1, 0, 2]))


def _norm(graph: Graph, layer: MambaLayer, values: Value) -> Value:
    squares = graph.op("ReduceMean", graph.op("Mul", values, values), axes=[2], keepdims=1)
    size = graph.op("Sqrt", graph.op("Add", squares, graph.constant(layer.norm.eps or 0.0)))
    return graph.op("Mul", graph.op("Div", values, size), graph.constant(layer.norm.weight))


def _silu(graph: Graph, value: Value) -> Value:
    return graph.op("Mul", value, graph.op("Sigmoid", value))


def _convolved(graph: Graph, layer: MambaLayer, sequence: Value) -> Value:
    """Return each channel's convolution over the last frames, (frames, clips, inner)."""
    weight, bias = (graph.constant(cast(Tensor, each)) for each in (layer.conv1d.weight, layer.conv1d.bias))
    channels = graph.op("Transpose", sequence, perm=[1, 2, 0])
    found = graph.op("Conv", channels, weight, bias, group=layer.conv1d.groups, pads=[KERNEL - 1, 0])
    return graph.op("Transpose", found, perm=[2, 0, 1])


def _scanned(graph: Graph, layer: MambaLayer, given: list[Value]) -> Value:
    """Return y (frames, clips, inner) of Δ x, Δ, B and C, each (frames, clips, …)."""
    rates = -layer.A_log.detach().exp().t()

    def step(
        body: Graph, state: Value, inputs: Value, size: Value, into: Value, out_of: Value
    ) -> tuple[Value, Value]:
        exponents = body.op("Mul", body.insert(size, 1), body.constant(rates))
        kept = body.op("Mul", body.op("Exp", exponents), state)
        after = body.op("Add", kept, body.op("Mul", body.insert(inputs, 1), body.insert(into, 2)))
        return after, body.total(body.op("Mul", after, body.insert(out_of, 2)), 1)

    shape = graph.op("Concat", graph.size(given[0], 1), graph.constant(list(rates.shape), np.int64), axis=0)
    first = graph.op("Expand", graph.constant(np.zeros((1, 1, 1))), shape)
    return graph.scan(step, first, given)
