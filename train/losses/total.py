"""The loss of a batch: the sum of the losses that a config names."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from train.losses.loss import LossValue
from train.losses.registry import LOSSES


def batch_loss(terms: Sequence[str], predictions: Tensor, targets: Tensor) -> LossValue:
    """Return the sum of the named losses over one batch.

    A correlation over a constant column does not exist, and zero-inflated targets make such columns
    (3 % of the batches of 32 for Empathic Pain): they are left out of that term and counted.

    Args:
        terms: names of losses.
        predictions: (clips, targets) float32.
        targets: (clips, targets) float32.
    """
    values = [LOSSES.get(term).of(predictions, targets) for term in terms]
    present = [value.value for value in values if value.value is not None]
    return LossValue(torch.stack(present).sum() if present else None, max(value.skipped for value in values))


def looks_across_clips(terms: Sequence[str]) -> bool:
    """Whether a term looks across the clips of a batch, so that batches must be a fair draw."""
    return any(LOSSES.get(term).across_clips for term in terms)
