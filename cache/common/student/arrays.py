"""The student in numpy: what runs it on any machine, one clip at a time, without torch."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from cache.common.student.layout import Layout
from cache.common.student.network import Outputs, forward

Float32Array = npt.NDArray[np.float32]
BLOCK = 512  # frames that are laid out for one matrix product


class ArrayOps:
    """The operators of ``cache.common.student.network.Ops`` for one clip, float32."""

    def einsum(self, equation: str, *values: Float32Array) -> Float32Array:
        """Return the sum of products."""
        return np.asarray(np.einsum(equation, *values, optimize=len(values) > 1))

    def add(self, one: Float32Array, two: Float32Array) -> Float32Array:
        """Return the sum."""
        return np.asarray(one + two)

    def conv(self, image: Float32Array, weight: Float32Array, bias: Float32Array) -> Float32Array:
        """Return the convolution: neighbourhoods side by side, then one matrix product for a block of frames."""
        outputs, channels, high, wide = weight.shape
        _, _, bands, frames = image.shape
        matrix = weight.reshape(outputs, -1)
        if high == wide == 1:
            found = matrix @ image.reshape(channels, -1)
            return np.asarray(found + bias[:, None]).reshape(1, outputs, bands, frames)
        padded = np.zeros((channels, bands + high - 1, frames + wide - 1), np.float32)
        padded[:, high // 2 : high // 2 + bands, wide // 2 : wide // 2 + frames] = image[0]
        result = np.empty((1, outputs, bands, frames), np.float32)
        for start in range(0, frames, BLOCK):
            end = min(start + BLOCK, frames)
            beside = np.empty((channels, high, wide, bands, end - start), np.float32)
            for row in range(high):
                for column in range(wide):
                    beside[:, row, column] = padded[:, row : row + bands, start + column : end + column]
            found = matrix @ beside.reshape(matrix.shape[1], -1)
            found += bias[:, None]
            result[0, :, :, start:end] = found.reshape(outputs, bands, end - start)
        return result

    def relu(self, image: Float32Array) -> Float32Array:
        """Return the image without what is negative."""
        return np.asarray(np.maximum(image, np.float32(0)))

    def pool(self, image: Float32Array) -> Float32Array:
        """Return the maximum of each two neighbouring bands."""
        whole = image.shape[2] // 2 * 2
        return np.asarray(np.maximum(image[:, :, 0:whole:2], image[:, :, 1:whole:2]))

    def mask(self, image: Float32Array) -> Float32Array:
        """Return the image: nothing lies behind a single clip."""
        return image

    def softmax(self, image: Float32Array) -> Float32Array:
        """Return weights over frames."""
        raised = np.exp(image - image.max(axis=3, keepdims=True))
        return np.asarray(raised / raised.sum(axis=3, keepdims=True))

    def total(self, image: Float32Array) -> Float32Array:
        """Return the sum over frames."""
        return np.asarray(image.sum(axis=3, keepdims=True))

    def flat(self, image: Float32Array) -> Float32Array:
        """Return (1, frames, channels · bands)."""
        return image.reshape(1, -1, image.shape[3]).transpose(0, 2, 1)


def run_student(
    layout: Layout, tensors: Mapping[str, Float32Array], frames: npt.NDArray[np.floating]
) -> Outputs[Float32Array]:
    """Return what a student says of one clip.

    Args:
        layout: of the student.
        tensors: of the student.
        frames: (frames, 81) log-mel frames, as a cache stores them or not yet rounded: they are rounded to
            float16 here, so that the file and the cache give the same bits.

    Returns:
        ``frames`` (frames, width), ``frame_readout`` (frames, dimensions) and ``clip_readout`` (dimensions,).
    """
    rounded = frames.astype(np.float16).astype(np.float32)[None]
    found = forward(ArrayOps(), tensors, layout, rounded)
    frame_readout, clip_readout = (
        None if each is None else np.ascontiguousarray(each[0]) for each in found[1:]
    )
    return Outputs(np.ascontiguousarray(found.frames[0]), frame_readout, clip_readout)
