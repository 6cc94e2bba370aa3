"""The student's forward pass, written once over whatever computes: numpy arrays, torch tensors, an ONNX graph.

Wav2Small (arXiv 2408.13920): seven convolutions over bands and time, a maximum over neighbouring bands, a softmax
over time that weighs what every frame says, and a linear read-out of the weighted mean and of its Gram matrix. The
same read-out of a single frame is what that frame says. Differences to the paper: 50 log-mel frames a second
of 25 ms, which keep their loudness, in the place of 500 of 4 ms, and no normalisation over a batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from cache.common.student.layout import CONVOLUTIONS, Layout

Value = TypeVar("Value")


class Ops(Protocol[Value]):
    """What computes; images are (clips, channels, bands, frames), what lies behind a clip is 0."""

    def einsum(self, equation: str, *values: Value) -> Value:
        """Return the sum of products that the equation names."""

    def add(self, one: Value, two: Value) -> Value:
        """Return the sum of two values, by the usual rules for axes of length 1."""

    def conv(self, image: Value, weight: Value, bias: Value) -> Value:
        """Return the convolution of an image, as large as before: beyond its edges is 0."""

    def relu(self, image: Value) -> Value:
        """Return the image with 0 in the place of what is negative."""

    def pool(self, image: Value) -> Value:
        """Return the maximum of each two neighbouring bands; an odd last one is left out."""

    def mask(self, image: Value) -> Value:
        """Return the image with 0 behind each clip."""

    def softmax(self, image: Value) -> Value:
        """Return weights over the frames of each clip, which sum to 1."""

    def total(self, image: Value) -> Value:
        """Return the sum over the frames of each clip, as an image of one frame."""

    def flat(self, image: Value) -> Value:
        """Return (clips, frames, channels · bands)."""


class Outputs(NamedTuple, Generic[Value]):
    """What a student says.

    Attributes:
        frames: (clips, frames, frame width): the teacher's components, or its own channels.
        frame_readout: (clips, frames, dimensions); None where there are none.
        clip_readout: (clips, dimensions); None where there are none.
    """

    frames: Value
    frame_readout: Value | None
    clip_readout: Value | None


def forward(ops: Ops[Any], tensors: Mapping[str, Any], layout: Layout, frames: Any) -> Outputs[Any]:
    """Return what a student says of log-mel frames.

    Args:
        ops: computes.
        tensors: of the student, by name; see ``Layout.shapes``.
        layout: of the student.
        frames: (clips, frames, 81) float32, rounded to float16 as a cache has them.
    """
    image = ops.einsum("btk,fkx->bxft", frames, tensors["input.weight"])
    image = ops.mask(ops.add(image, tensors["input.bias"]))
    for number in range(1, CONVOLUTIONS + 1):
        image = ops.relu(_conv(ops, tensors, f"conv.{number}", image))
        if number in layout.pools:
            image = ops.pool(image)
    if layout.width:
        image = ops.relu(ops.einsum("wcfx,bcft->bwxt", tensors["enter.weight"], image))
        for number in range(1, layout.layers + 1):
            image = ops.add(image, ops.relu(_conv(ops, tensors, f"temporal.{number}", image)))
    grid = _grid(ops, layout, _conv(ops, tensors, "value", image))
    frame_readout = clip_readout = None
    if layout.dimensions:
        weights = _grid(ops, layout, ops.softmax(_conv(ops, tensors, "weigh", image)))
        mean = ops.total(ops.einsum("bcft,bcft->bcft", grid, weights))
        frame_readout = _read_out(ops, tensors, grid)
        clip_readout = ops.einsum("btd->bd", _read_out(ops, tensors, mean))  # its one frame
    if not layout.hidden:
        return Outputs(ops.flat(grid), frame_readout, clip_readout)
    hidden = ops.einsum("ncf,bcft->btn", tensors["hidden.weight"], grid)
    return Outputs(ops.add(hidden, tensors["hidden.bias"]), frame_readout, clip_readout)


def _conv(ops: Ops[Any], tensors: Mapping[str, Any], name: str, image: Any) -> Any:
    return ops.mask(ops.conv(image, tensors[f"{name}.weight"], tensors[f"{name}.bias"]))


def _grid(ops: Ops[Any], layout: Layout, image: Any) -> Any:
    """Return the image as the rows and columns of which the Gram matrix is taken."""
    return ops.einsum("bwxt->bxwt", image) if layout.width else image


def _read_out(ops: Ops[Any], tensors: Mapping[str, Any], grid: Any) -> Any:
    """Return (clips, frames, dimensions): linear in a frame's grid and in the Gram matrix of its rows."""
    products = ops.einsum("dij,bjft->bdift", tensors["head.gram"], grid)
    squares = ops.einsum("bdift,bift->btd", products, grid)
    linear = ops.einsum("dcf,bcft->btd", tensors["head.weight"], grid)
    return ops.add(ops.add(linear, squares), tensors["head.bias"])
