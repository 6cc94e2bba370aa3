"""The temporal models as ONNX operators: each reads a clip to its own length, whatever pads it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from train.heads.temporal.attention import AttentionPooling
from train.heads.temporal.bilstm import TwoWayLSTM
from train.runs.export.frames import Frames
from train.runs.export.graph import Graph, Value
from train.runs.export.mamba import write_mamba
from train.runs.export.two_scale import write_two_scale

Write = Callable[[Graph, Any, Frames], Value]
LSTM_GATES = (0, 3, 1, 2)  # torch has input, forget, cell, output; ONNX input, output, forget, cell
GRU_GATES = (1, 0, 2)  # torch has reset, update, new; ONNX update, reset, new


def _lstm(graph: Graph, model: nn.LSTM, frames: Frames) -> Value:
    return _recurrent(graph, [[(model, layer)] for layer in range(model.num_layers)], frames)


def _gru(graph: Graph, model: nn.GRU, frames: Frames) -> Value:
    return _recurrent(graph, [[(model, layer)] for layer in range(model.num_layers)], frames)


def _bilstm(graph: Graph, model: TwoWayLSTM, frames: Frames) -> Value:
    ahead, back = (cast(Sequence[nn.LSTM], each) for each in (model.forward_layers, model.backward_layers))
    return _recurrent(graph, [[(one, 0), (two, 0)] for one, two in zip(ahead, back, strict=True)], frames)


def _attention(graph: Graph, model: AttentionPooling, frames: Frames) -> Value:
    scores = frames.values
    for step in model.score:
        scores = graph.op("Tanh", scores) if isinstance(step, nn.Tanh) else graph.linear(scores, step)
    weights = graph.op("Softmax", frames.masked(graph, scores, -np.inf), axis=1)
    return graph.total(graph.op("Mul", weights, frames.values), 1)


def _mean(graph: Graph, _model: nn.Module, frames: Frames) -> Value:
    count = graph.insert(graph.cast(frames.lengths, np.float32), 1)
    return graph.op("Div", graph.total(frames.values, 1), count)


# Temporal model's name → what writes it into a graph: (graph, module, frames) to (clips, output width).
TEMPORAL: dict[str, Write] = {
    "lstm": _lstm,
    "gru": _gru,
    "bilstm": _bilstm,
    "attention": _attention,
    "mean": _mean,
    "mamba": write_mamba,
    "two-scale": write_two_scale,
}


def _recurrent(graph: Graph, layers: Sequence[Sequence[tuple[nn.RNNBase, int]]], frames: Frames) -> Value:
    """Return the last states (clips, directions · hidden) of layers, each of one direction or of both."""
    lengths = graph.cast(frames.lengths, np.int32)
    sequence = graph.op("Transpose", frames.values, perm=[1, 0, 2])
    last = ""
    for directions in layers:
        module = directions[0][0]
        kind, order = ("LSTM", LSTM_GATES) if isinstance(module, nn.LSTM) else ("GRU", GRU_GATES)
        weights = [_weights(each, layer, order) for each, layer in directions]
        w_ih, w_hh, bias = (graph.constant(torch.stack(each)) for each in zip(*weights, strict=True))
        outputs, last = graph.several(
            kind,
            [sequence, w_ih, w_hh, bias, lengths],
            2,
            hidden_size=module.hidden_size,
            direction="bidirectional" if len(directions) == 2 else "forward",
            **({"linear_before_reset": 1} if kind == "GRU" else {}),
        )
        # (frames, directions, clips, hidden) → (frames, clips, directions · hidden)
        sequence = graph.reshape(
            graph.op("Transpose", outputs, perm=[0, 2, 1, 3]), 0, 0, len(directions) * module.hidden_size
        )
    joined = graph.op("Transpose", last, perm=[1, 0, 2])
    return graph.reshape(joined, 0, len(layers[-1]) * layers[-1][0][0].hidden_size)


def _weights(module: nn.RNNBase, layer: int, order: Sequence[int]) -> tuple[Tensor, Tensor, Tensor]:
    """Return input weights, recurrent weights and both biases of a layer, their gates in ONNX's order."""

    def ordered(name: str) -> Tensor:
        gates = getattr(module, f"{name}_l{layer}").detach().chunk(len(order))
        return torch.cat([gates[gate] for gate in order])

    return (
        ordered("weight_ih"),
        ordered("weight_hh"),
        torch.cat([ordered("bias_ih"), ordered("bias_hh")]),
    )
