"""The student's one forward pass, against the published equations written out frame by frame."""

from __future__ import annotations

import numpy as np
import pytest

from cache.common.student.arrays import ArrayOps, run_student
from cache.common.student.network import forward


def grid_and_weights(layout, tensors, frames):
    """The published network up to its pooling, in float64 with loops: (channels, bands, frames) each."""
    image = np.einsum("tk,fk->ft", frames, tensors["input.weight"][:, :, 0].astype(np.float64))
    image = (image + tensors["input.bias"])[None]
    for number in range(1, 8):
        weight, bias = (tensors[f"conv.{number}.{name}"].astype(np.float64) for name in ("weight", "bias"))
        padded = np.pad(image, ((0, 0), (1, 1), (1, 1)))
        found = np.zeros((len(weight), *image.shape[1:]))
        for row in range(3):
            for column in range(3):
                part = padded[:, row : row + image.shape[1], column : column + image.shape[2]]
                found += np.tensordot(weight[:, :, row, column], part, 1)
        image = np.maximum(0, found + bias[:, None, None])
        if number in layout.pools:
            image = np.stack([image[:, i : i + 2].max(1) for i in range(0, image.shape[1] - 1, 2)], 1)
    value, weigh = (
        np.tensordot(tensors[f"{name}.weight"][:, :, 0, 0].astype(np.float64), image, 1)
        + tensors[f"{name}.bias"][:, None, None]
        for name in ("value", "weigh")
    )
    raised = np.exp(weigh - weigh.max(2, keepdims=True))
    return value, raised / raised.sum(2, keepdims=True)


def read_out(tensors, grid):
    gram = grid @ grid.T
    parts = np.concatenate([grid.ravel(), gram.ravel()])
    weight = np.concatenate(
        [tensors["head.weight"].reshape(3, -1), tensors["head.gram"].reshape(3, -1)], axis=1
    )
    return weight.astype(np.float64) @ parts + tensors["head.bias"]


@pytest.mark.parametrize("size", ["10k", "72k"])
def test_it_is_the_published_network(drawn, size) -> None:
    layout, tensors = drawn(size)
    frames = np.random.default_rng(1).standard_normal((7, 81)).astype(np.float16).astype(np.float64)
    value, weights = grid_and_weights(layout, tensors, frames)
    said = run_student(layout, tensors, frames)
    np.testing.assert_allclose(said.frames, value.reshape(-1, 7).T, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        said.frame_readout, [read_out(tensors, value[:, :, t]) for t in range(7)], rtol=1e-3, atol=1e-4
    )
    expected = read_out(tensors, (value * weights).sum(2))
    np.testing.assert_allclose(said.clip_readout, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("size", ["10k", "2m"])
def test_of_a_clip_of_one_frame_it_says_what_it_says_of_the_frame(drawn, size) -> None:
    layout, tensors = drawn(size, hidden=3)
    said = run_student(layout, tensors, np.ones((1, 81)))
    np.testing.assert_allclose(said.frame_readout[0], said.clip_readout, rtol=1e-5)
    assert said.frames.shape == (1, 3)


def test_without_dimensions_it_gives_frames_alone(drawn) -> None:
    from dataclasses import replace

    layout, tensors = drawn("10k", hidden=4)
    bare = replace(layout, dimensions=())
    assert set(bare.shapes()) == {name for name in tensors if not name.startswith(("head", "weigh"))}
    ops, frames = ArrayOps(), np.ones((1, 5, 81), np.float32)
    whole, alone = (forward(ops, tensors, each, frames) for each in (layout, bare))
    np.testing.assert_array_equal(alone.frames, whole.frames)
    assert alone.clip_readout is None
    assert alone.frame_readout is None
