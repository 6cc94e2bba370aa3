"""The student in torch: its parameters, and the operators that compute its one definition on batches of clips."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from cache.common.student.layout import Layout, is_learned
from cache.common.student.network import Outputs, forward

FloatArray = npt.NDArray[np.float64]
QUIET = 0.1  # of the first read-outs, beside what keeps a signal's size: the start is near the mean


class TorchOps:
    """The operators of ``cache.common.student.network.Ops`` for clips that are padded to one length.

    Args:
        lengths: (clips,) frames of each.
        longest: frames that each is padded to.
    """

    def __init__(self, lengths: Tensor, longest: int) -> None:
        self._valid = (torch.arange(longest) < lengths[:, None])[:, None, None, :]

    def einsum(self, equation: str, *values: Tensor) -> Tensor:
        """Return the sum of products."""
        return torch.einsum(equation, *values)

    def add(self, one: Tensor, two: Tensor) -> Tensor:
        """Return the sum."""
        return one + two

    def conv(self, image: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """Return the convolution."""
        return functional.conv2d(image, weight, bias, padding=(weight.shape[2] // 2, weight.shape[3] // 2))

    def relu(self, image: Tensor) -> Tensor:
        """Return the image without what is negative."""
        return image.relu()

    def pool(self, image: Tensor) -> Tensor:
        """Return the maximum of each two neighbouring bands."""
        return functional.max_pool2d(image, (2, 1))

    def mask(self, image: Tensor) -> Tensor:
        """Return the image with 0 behind each clip."""
        return image.masked_fill(~self._valid, 0.0)

    def softmax(self, image: Tensor) -> Tensor:
        """Return weights over the frames of each clip."""
        return image.masked_fill(~self._valid, -math.inf).softmax(3)

    def total(self, image: Tensor) -> Tensor:
        """Return the sum over frames."""
        return image.sum(3, keepdim=True)

    def flat(self, image: Tensor) -> Tensor:
        """Return (clips, frames, channels · bands)."""
        return image.flatten(1, 2).transpose(1, 2)


class Student(nn.Module):
    """A student under training; it says everything in deviations of what it learns from.

    Args:
        layout: of the network.
        bands: tensors ``input.*``, which are fixed.
        seed: of the first weights.
    """

    def __init__(self, layout: Layout, bands: Mapping[str, npt.NDArray[np.float32]], seed: int) -> None:
        super().__init__()
        self.layout = layout
        chance = torch.Generator().manual_seed(seed)
        for name, shape in layout.shapes().items():
            if is_learned(name):
                self.register_parameter(_attribute(name), nn.Parameter(_first(name, shape, chance)))
            else:
                self.register_buffer(_attribute(name), torch.from_numpy(bands[name]))

    def forward(self, frames: Tensor, lengths: Tensor) -> Outputs[Tensor]:
        """Return what it says of clips (clips, frames, 81) of some lengths (clips,)."""
        ops = TorchOps(lengths, frames.shape[1])
        return forward(ops, self.tensors(), self.layout, frames)

    def tensors(self) -> dict[str, Tensor]:
        """Return all tensors by the names that the layout has for them."""
        return {name: getattr(self, _attribute(name)) for name in self.layout.shapes()}

    @torch.no_grad()
    def finished(self, means: FloatArray, deviations: FloatArray) -> dict[str, Tensor]:
        """Return its tensors as they are kept: what it reads out has the teacher's unit.

        Args:
            means: (dimensions,) of what it learned from.
            deviations: (dimensions,) likewise.
        """
        found = {name: each.detach().clone() for name, each in self.tensors().items()}
        if self.layout.dimensions:
            scale, shift = (torch.from_numpy(each).float() for each in (deviations, means))
            for name in ("head.weight", "head.gram"):
                found[name] *= scale[:, None, None]
            found["head.bias"] = found["head.bias"] * scale + shift
        return found


def _attribute(name: str) -> str:
    return name.replace(".", "/")  # torch allows no dot


def _first(name: str, shape: tuple[int, ...], chance: torch.Generator) -> Tensor:
    """Return first weights that keep a signal's size through a ReLU; a bias is 0, and so is the Gram's part."""
    if name.endswith(("bias", "gram")):
        return torch.zeros(shape)
    gain = math.sqrt(2 / math.prod(shape[1:]))
    gain *= QUIET if name.startswith(("head", "weigh", "temporal")) else 1.0
    return torch.randn(shape, generator=chance) * gain
