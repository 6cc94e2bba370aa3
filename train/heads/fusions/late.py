"""A fusion of streams: each has a head of its own, and their intensities are weighted, per stream and target."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from train.heads.fusion import Concat
from train.heads.fusions.fusion import StreamFusion, require
from train.heads.streams import StreamState, StreamWidths

Array = npt.NDArray[Any]


class LateFusion(StreamFusion):
    """y = Σₘ wₘ ⊙ headₘ(vₘ), w ≥ 0; every head is the method's fusion of its own stream's vectors.

    The heads are trained apart: each one's outputs have a loss of their own. The weights, (streams, targets), are
    equal until ``settle`` finds them on clips that nothing was trained on.

    Source: late fusion as in the baselines of the emotional mimicry challenge (arXiv 2402.19344), there a mean.
    """

    apart: ClassVar[bool] = True
    weights: Tensor

    def __init__(self, streams: Sequence[StreamWidths], targets: int, dropout: float) -> None:
        super().__init__(streams, dropout)
        require(streams, "vector", "late")
        self.heads = nn.ModuleList(Concat(stream.vectors, targets, dropout) for stream in streams)
        self.register_buffer("weights", torch.full((len(streams), targets), 1 / len(streams)))

    def outputs(self, states: Sequence[StreamState]) -> Tensor:
        """Return what each stream's head says alone, (streams, clips, targets)."""
        return torch.stack([head(*state.vectors) for head, state in zip(self.heads, states, strict=True)])

    def forward(self, states: Sequence[StreamState]) -> Tensor:
        """Return (clips, targets)."""
        return (self.weights[:, None] * self.outputs(states)).sum(0)

    def settle(self, outputs: Array, truth: Array) -> None:
        """Find the weights by non-negative least squares, target by target.

        Args:
            outputs: (streams, clips, targets) of clips that nothing was trained on.
            truth: (clips, targets), NaN where a label is missing; a target whose labels are all missing, or that no
                weight above 0 brings nearer, has equal weights. Clips of which a head says nothing finite
                are left out.
        """
        from scipy.optimize import nnls

        finite = np.isfinite(outputs).all(axis=(0, 2))
        self.weights.fill_(1 / len(outputs))
        for target in range(truth.shape[1]):
            known = finite & ~np.isnan(truth[:, target])
            given = outputs[:, known, target].T.astype(np.float64)
            found = nnls(given, truth[known, target].astype(np.float64))[0] if known.any() else np.zeros(1)
            if found.sum() > 0:
                self.weights[:, target] = torch.from_numpy(found).to(self.weights)
