"""What a loss is: a function of a batch's predictions and labels, and what batches it needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

# A column of a batch counts as constant when it varies by no more than what float32 leaves of one value, such
# as 33.3 in every row: relative to its size, as the metrics have it ...
CONSTANT = 1e-6
SMALLEST = 1e-18  # ... or by so little that its squares are no float32


def varies(columns: Tensor, counts: Tensor | None = None) -> Tensor:
    """Return which columns of (clips, targets) are not constant, (targets,) bool.

    Args:
        columns: (clips, targets).
        counts: (clips, targets) bool, which values count; None for all. A column without any is constant.
    """
    columns = columns.detach()
    highest, lowest, size = columns, columns, columns.abs()
    if counts is not None:
        highest, lowest = columns.where(counts, -torch.inf), columns.where(counts, torch.inf)
        size = size.where(counts, 0)
    span = highest.amax(0) - lowest.amin(0)
    return (span > CONSTANT * size.amax(0)) & (span > SMALLEST)


class LossValue(NamedTuple):
    """A batch's loss and how many target columns it had to leave out.

    Attributes:
        value: scalar with a gradient; None if every column was left out.
        skipped: columns left out: without any label, or constant where the loss is a correlation.
    """

    value: Tensor | None
    skipped: int


class Loss(NamedTuple):
    """One loss.

    Attributes:
        of: from predictions and labels, each (clips, targets) float32, to the batch's value.
        across_clips: whether it looks across the clips of a batch, so that batches must be a fair draw.
        of_some: the same where labels are missing (NaN) or clips have weights, called with the weights (clips,)
            as well: each column over the clips that have it. None: it knows neither.
    """

    of: Callable[[Tensor, Tensor], LossValue]
    across_clips: bool
    of_some: Callable[[Tensor, Tensor, Tensor], LossValue] | None = None


class Moments(NamedTuple):
    """Weighted moments of the columns on which a correlation is defined, each (columns,).

    Attributes:
        means: of predictions and labels.
        variances: of predictions and labels.
        shared: their covariance.
        skipped: columns that were left out.
    """

    means: tuple[Tensor, Tensor]
    variances: tuple[Tensor, Tensor]
    shared: Tensor
    skipped: int


def moments(
    predictions: Tensor, targets: Tensor, weights: Tensor, *, both_vary: bool = True
) -> Moments | None:
    """Return the moments of each column over the clips that have its label; None if no column is left.

    Args:
        predictions: (clips, targets).
        targets: (clips, targets), NaN where missing.
        weights: (clips,) 0 or more; a clip of weight 0 is not there.
        both_vary: whether a column of constant predictions is left out, as one of constant labels is.
    """
    counts = ~targets.isnan() & (weights > 0)[:, None]
    defined = varies(targets, counts)
    if both_vary:
        defined &= varies(predictions, counts)
    if not defined.any():
        return None
    counts = counts[:, defined]
    one, two = predictions[:, defined], targets[:, defined].where(counts, 0)
    share = weights[:, None].where(counts, 0)
    share = share / share.sum(0)
    means = ((share * one).sum(0), (share * two).sum(0))
    one, two = one - means[0], two - means[1]
    variances = ((share * one.square()).sum(0), (share * two.square()).sum(0))
    return Moments(means, variances, (share * one * two).sum(0), int((~defined).sum()))
