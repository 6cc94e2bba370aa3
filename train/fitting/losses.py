"""Losses of the head in clips → extract → cache → train → intensities: mse, ccc, pearson and their sums."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

# Variance below which a batch column counts as constant: float32 leaves about this much.
CONSTANT_VARIANCE = 1e-12


class LossValue(NamedTuple):
    """A batch's loss and how many target columns it had to leave out.

    Attributes:
        value: scalar with a gradient; None if every column was left out.
        skipped: constant columns left out of the correlation terms.
    """

    value: Tensor | None
    skipped: int


def batch_loss(terms: Sequence[str], predictions: Tensor, targets: Tensor) -> LossValue:
    """Return the sum of the named losses over one batch.

    A correlation over a constant column does not exist, and zero-inflated targets make such columns
    (3 % of the batches of 32 for Empathic Pain): they are left out of that term and counted.

    Args:
        terms: names out of "mse", "ccc", "pearson".
        predictions: (clips, targets) float32.
        targets: (clips, targets) float32.
    """
    values = [_TERMS[term](predictions, targets) for term in terms]
    present = [value.value for value in values if value.value is not None]
    return LossValue(torch.stack(present).sum() if present else None, max(value.skipped for value in values))


def is_correlation(terms: Sequence[str]) -> bool:
    """Whether a term looks across the clips of a batch, so that batches must be a fair draw."""
    return any(term != "mse" for term in terms)


def _mse(predictions: Tensor, targets: Tensor) -> LossValue:
    return LossValue(torch.nn.functional.mse_loss(predictions, targets), 0)


def _ccc(predictions: Tensor, targets: Tensor) -> LossValue:
    # A constant prediction keeps its gradient here: only a constant label column says nothing.
    defined = targets.var(0, correction=0) > CONSTANT_VARIANCE
    if not defined.any():
        return LossValue(None, targets.shape[1])
    predictions, targets = predictions[:, defined], targets[:, defined]
    one, two = predictions - predictions.mean(0), targets - targets.mean(0)
    distance = (predictions.mean(0) - targets.mean(0)) ** 2
    concordance = 2 * (one * two).mean(0) / (one.square().mean(0) + two.square().mean(0) + distance)
    return LossValue((1 - concordance).mean(), int((~defined).sum()))


def _pearson(predictions: Tensor, targets: Tensor) -> LossValue:
    varies = [columns.detach().var(0, correction=0) > CONSTANT_VARIANCE for columns in (predictions, targets)]
    defined = varies[0] & varies[1]
    if not defined.any():
        return LossValue(None, targets.shape[1])
    predictions, targets = predictions[:, defined], targets[:, defined]
    one, two = predictions - predictions.mean(0), targets - targets.mean(0)
    correlation = (one * two).sum(0) / (one.norm(dim=0) * two.norm(dim=0))
    return LossValue((1 - correlation).mean(), int((~defined).sum()))


_TERMS: dict[str, Callable[[Tensor, Tensor], LossValue]] = {"mse": _mse, "ccc": _ccc, "pearson": _pearson}
