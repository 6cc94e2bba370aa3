"""A student inside a graph: a waveform becomes log-mel frames, and these what a head on its features takes.

The network is the one definition of it (``cache.common.student.network``), computed by operators of the graph.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cache.common.student.arrays import run_student
from cache.common.student.hearing import FFT, FLOOR, HOP, RATE, SCALE, SHIFT, WINDOW, Hearing, taper
from cache.common.student.layout import MODEL_TYPE, Layout
from cache.common.student.network import forward
from train.checksums import known_fields, read_json, verified
from train.errors import RunError
from train.features.inputs import VAD
from train.files import CONFIG_FILE, sha256
from train.runs.export.frames import CLIPS, Field, Frames, masked_frames
from train.runs.export.graph import Graph, Value
from train.runs.run_folder import Run
from train.runs.tensors import read_tensors

WAVEFORM, SAMPLES = "waveform", "samples"  # the input, and its axis
MODEL_FILE, FEATURES = "model.safetensors", "features"  # of a student's folder; its field in a cache
Float32Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class LoadedStudent:
    """A student as its folder holds it.

    Attributes:
        path: its folder.
        layout: of the network.
        tensors: by name.
        sha256: of the file with its weights, as the recipe of its caches names it.
    """

    path: Path
    layout: Layout
    tensors: Mapping[str, Float32Array]
    sha256: str

    @classmethod
    def read(cls, path: Path) -> LoadedStudent:
        """Read a student's folder.

        Raises:
            RunError: if it is none, or damaged.
        """
        config = read_json(path / CONFIG_FILE)
        with known_fields(path / CONFIG_FILE, "a student"):
            if config["model_type"] != MODEL_TYPE:
                raise ValueError(f"model_type {config['model_type']!r}, expected {MODEL_TYPE!r}")
            layout = Layout.from_json(config)
        weights = verified(path / MODEL_FILE)
        found = {name: each.numpy() for name, each in read_tensors(weights)[0].items()}
        shapes = {name: each.shape for name, each in found.items()}
        if shapes != layout.shapes() or any(each.dtype != np.float32 for each in found.values()):
            raise RunError(
                f"{weights}: its tensors are not those of its {CONFIG_FILE}; copy the folder again"
            )
        return cls(path, layout, found, sha256(weights))

    def require_trained(self, run: Run) -> None:
        """Refuse a head that was trained on other features than this student's.

        Raises:
            RunError: naming both.
        """
        if run.recipe.get("weights_sha256") != self.sha256:
            raise RunError(
                f"{run.path}: was trained on features of {run.recipe.encoder.get('model')}, not on those of the "
                f"student in {self.path}; extract with --model {self.path} and train on that cache"
            )

    def said(self, samples: Float32Array, fields: tuple[Field, ...]) -> tuple[Float32Array, Float32Array]:
        """Return frames (frames, width) as a cache holds them, and their mean before that (width,), in numpy."""
        found = run_student(self.layout, self.tensors, Hearing().frames(samples))
        named = {FEATURES: found.frames, VAD: found.frame_readout}
        values = [named[field.name] for field in fields]
        kept = [each for each in values if each is not None]
        stored = [
            each.astype(field.dtype).astype(np.float32) for each, field in zip(kept, fields, strict=True)
        ]
        return np.concatenate(stored, axis=1), np.concatenate([each.mean(0) for each in kept])


def heard_frames(graph: Graph, student: LoadedStudent, fields: tuple[Field, ...]) -> tuple[Frames, Value]:
    """Add the input ``waveform`` (clips, samples) float32, at 16 kHz and of at least 400 samples each.

    Args:
        graph: gets the operators.
        student: computes the frames.
        fields: of its cache, that the head joins.

    Returns:
        The frames that the head takes, as a cache would round them, and their mean (clips, width) before that.
    """
    ops = GraphOps(graph, student.layout)
    tensors = {name: graph.constant(each) for name, each in student.tensors.items()}
    said = forward(
        ops, tensors, student.layout, _logmel(graph, graph.input(WAVEFORM, np.float32, [CLIPS, SAMPLES]))
    )
    named = {FEATURES: said.frames, VAD: said.frame_readout}
    values = [named[field.name] for field in fields]
    stored = [_stored(graph, each, field) for each, field in zip(values, fields, strict=True)]
    exact, joined = (_joined(graph, each, 2) for each in (values, stored))
    mean = graph.op("ReduceMean", exact, axes=[1], keepdims=0)
    lengths = graph.op("Expand", graph.size(joined, 1), graph.size(joined, 0))
    return masked_frames(graph, joined, lengths, sum(field.width for field in fields)), mean


def _stored(graph: Graph, values: Value, field: Field) -> Value:
    return graph.cast(graph.cast(values, field.dtype), np.float32)


def _joined(graph: Graph, values: list[Any], axis: int) -> Value:
    return graph.op("Concat", *values, axis=axis) if len(values) > 1 else str(values[0])


def _logmel(graph: Graph, waveform: Value) -> Value:
    """Return (clips, frames, 81), rounded to float16 as a cache has them; a Fourier transform is a convolution."""
    slopes = Hearing().bands(np.eye(FFT // 2 + 1, dtype=np.float32))  # (bins, bands)
    bins = np.flatnonzero(slopes.any(axis=1))
    angles = 2 * np.pi / FFT * np.outer(bins, np.arange(WINDOW))
    waves = np.concatenate([np.cos(angles), np.sin(angles)]) * taper()
    sound = graph.insert(waveform, 1)
    parts = graph.op("Conv", sound, graph.constant(waves[:, None]), strides=[HOP])
    squares = graph.op("Mul", parts, parts)
    power = graph.op(
        "Add",
        graph.slice(squares, 0, len(bins), 1),
        graph.slice(squares, len(bins), 2 * len(bins), 1),
    )
    bands = graph.op("MatMul", graph.constant(slopes[bins].T), power)
    mean = graph.constant(np.full((1, 1, WINDOW), 1 / WINDOW))
    energy = graph.op("Conv", graph.op("Mul", sound, sound), mean, strides=[HOP])
    values = graph.op("Max", graph.op("Concat", bands, energy, axis=1), graph.constant(FLOOR))
    moved = graph.op("Sub", graph.op("Log", values), graph.constant(SHIFT))
    frames = graph.op("Transpose", graph.op("Div", moved, graph.constant(SCALE)), perm=[0, 2, 1])
    return graph.cast(graph.cast(frames, np.float16), np.float32)


class GraphOps:
    """The operators of ``cache.common.student.network.Ops`` in a graph, for clips of one length."""

    def __init__(self, graph: Graph, layout: Layout) -> None:
        self._graph, self._width = graph, int(np.prod(layout.grid))

    def einsum(self, equation: str, *values: Value) -> Value:
        """Return the sum of products."""
        return self._graph.op("Einsum", *values, equation=equation)

    def add(self, one: Value, two: Value) -> Value:
        """Return the sum."""
        return self._graph.op("Add", one, two)

    def conv(self, image: Value, weight: Value, bias: Value) -> Value:
        """Return the convolution, padded to the same size."""
        return self._graph.op("Conv", image, weight, bias, auto_pad="SAME_UPPER")

    def relu(self, image: Value) -> Value:
        """Return the image without what is negative."""
        return self._graph.op("Relu", image)

    def pool(self, image: Value) -> Value:
        """Return the maximum of each two neighbouring bands."""
        return self._graph.op("MaxPool", image, kernel_shape=[2, 1], strides=[2, 1])

    def mask(self, image: Value) -> Value:
        """Return the image: nothing lies behind clips of one length."""
        return image

    def softmax(self, image: Value) -> Value:
        """Return weights over frames."""
        return self._graph.op("Softmax", image, axis=3)

    def total(self, image: Value) -> Value:
        """Return the sum over frames."""
        return self._graph.total(image, 3, keep=True)

    def flat(self, image: Value) -> Value:
        """Return (clips, frames, channels · bands)."""
        return self._graph.op("Transpose", self._graph.reshape(image, 0, self._width, -1), perm=[0, 2, 1])


def made_up_sounds(rng: np.random.Generator) -> list[Float32Array]:
    """Return waveforms (clips, samples) to compare a graph on: one frame, a second, several clips, silence."""
    shapes = [(1, WINDOW), (1, RATE), (3, 2 * RATE + 123), (1, 12 * RATE)]
    sounds = [rng.standard_normal(shape) * rng.uniform(0.01, 0.3) for shape in shapes]
    return [each.astype(np.float32) for each in (*sounds, np.zeros((1, RATE)))]
