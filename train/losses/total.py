"""The loss of a batch: the sum of the losses that a config names."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from train.errors import ConfigError
from train.losses.loss import LossValue
from train.losses.registry import LOSSES


def batch_loss(
    terms: Sequence[str], predictions: Tensor, targets: Tensor, weights: Tensor | None = None
) -> LossValue:
    """Return the sum of the named losses over one batch.

    A correlation over a constant column does not exist, and zero-inflated targets make such columns
    (3 % of the batches of 32 for Empathic Pain): they are left out of that term and counted. So is, of every
    term, a column of which no clip of the batch has a label.

    Args:
        terms: names of losses.
        predictions: (clips, targets) float32.
        targets: (clips, targets) float32, NaN where a label is missing.
        weights: (clips,) 0 or more; None where all clips count alike.

    Raises:
        ConfigError: if labels are missing or clips have weights, and a loss knows neither.
    """
    # Asked before they are moved: a GPU would be waited for.
    some = weights is not None or bool(targets.isnan().any())
    targets = targets.to(predictions.device)
    if not some:
        values = [LOSSES.get(term).of(predictions, targets) for term in terms]
    else:
        each = torch.ones(len(targets)) if weights is None else weights
        each = each.to(predictions)
        values = [_of_some(term, predictions, targets, each) for term in terms]
    return summed(values)


def summed(values: Sequence[LossValue]) -> LossValue:
    """Return the sum of some losses of one batch, as far as they are defined."""
    present = [value.value for value in values if value.value is not None]
    return LossValue(torch.stack(present).sum() if present else None, max(value.skipped for value in values))


def _of_some(term: str, predictions: Tensor, targets: Tensor, weights: Tensor) -> LossValue:
    loss = LOSSES.get(term)
    if loss.of_some is None:
        raise ConfigError(
            f"loss {term}: knows neither missing labels nor weights of clips, and there are some; "
            "use --loss mse"
        )
    return loss.of_some(predictions, targets, weights)


def looks_across_clips(terms: Sequence[str]) -> bool:
    """Whether a term looks across the clips of a batch, so that batches must be a fair draw."""
    return any(LOSSES.get(term).across_clips for term in terms)
