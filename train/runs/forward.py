"""A head's forward pass over many clips, in the precision of its config."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from train.config import FitConfig
from train.features.batches import BatchFeed
from train.features.order import scoring_batches
from train.features.streams import AnyFeatures
from train.heads.streams_head import Head, StreamsHead
from train.losses.registry import SOFTMAX

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


def apply_head(head: Head, features: AnyFeatures, positions: IntArray, config: FitConfig) -> FloatArray:
    """Return what the head predicts (clips, targets) for the clips at ``positions``, in that order.

    That is its output; with a loss of classes the softmax of it, the share that each class gets.
    """

    def shares(batch: Any) -> Tensor:
        values: Tensor = head(*batch).double()
        return values.softmax(1) if config.loss in SOFTMAX else values

    return _applied(head, shares, features, positions, config)


def apply_each(
    head: StreamsHead, features: AnyFeatures, positions: IntArray, config: FitConfig
) -> FloatArray:
    """Return what each stream's own head says (streams, clips, targets) of the clips at ``positions``."""

    def each(batch: Any) -> Tensor:
        return head.outputs(*batch).double().transpose(0, 1)

    return _applied(head, each, features, positions, config).transpose(1, 0, 2)


def _applied(
    head: Head,
    of: Callable[[Any], Tensor],
    features: AnyFeatures,
    positions: IntArray,
    config: FitConfig,
) -> FloatArray:
    """Return (clips, …) float64: what ``of`` makes of the batches that hold the clips at ``positions``."""
    device = next(head.parameters()).device
    feed, parts = BatchFeed(features, device), scoring_batches(features.lengths[positions], config.batch_size)
    found: list[FloatArray] = []
    head.eval()
    with torch.inference_mode():
        for _, batch in feed([positions[part] for part in parts]):
            with autocast(config, device):
                values = of(batch)
            found.append(values.cpu().numpy())
    output = np.concatenate(found)
    output[np.concatenate(parts)] = output.copy()
    return output


def autocast(config: FitConfig, device: torch.device) -> Any:
    """Return the context of a forward pass in the config's precision."""
    return torch.autocast(device.type, torch.bfloat16) if config.precision == "bfloat16" else nullcontext()
