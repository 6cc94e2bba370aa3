"""A head's forward pass over many clips, in the precision of its config."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from train.config import FitConfig
from train.features.batches import BatchFeed, Features
from train.features.order import scoring_batches
from train.heads.head import FusionHead
from train.losses.registry import SOFTMAX

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


def apply_head(head: FusionHead, features: Features, positions: IntArray, config: FitConfig) -> FloatArray:
    """Return what the head predicts (clips, targets) for the clips at ``positions``, in that order.

    That is its output; with a loss of classes the softmax of it, the share that each class gets.
    """
    device = next(head.parameters()).device
    feed = BatchFeed(features, device)
    output = np.empty((len(positions), head.shape.targets), dtype=np.float64)
    head.eval()
    with torch.inference_mode():
        parts = scoring_batches(features.lengths[positions], config.batch_size)
        for part, (_, batch) in zip(parts, feed([positions[part] for part in parts]), strict=True):
            with autocast(config, device):
                values = head(*batch).double()
            output[part] = (values.softmax(1) if config.loss in SOFTMAX else values).cpu().numpy()
    return output


def autocast(config: FitConfig, device: torch.device) -> Any:
    """Return the context of a forward pass in the config's precision."""
    return torch.autocast(device.type, torch.bfloat16) if config.precision == "bfloat16" else nullcontext()
