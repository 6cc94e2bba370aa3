"""A loss: the cross-entropy of a softmax over the columns, which are classes or shares of them."""

from __future__ import annotations

from torch import Tensor

from train.losses.loss import Loss, LossValue


def cross_entropy(predictions: Tensor, targets: Tensor) -> LossValue:
    """Return the mean over clips of - Σ label · log softmax(prediction)."""
    return LossValue(_of_clips(predictions, targets).mean(), 0)


def cross_entropy_of_some(predictions: Tensor, targets: Tensor, weights: Tensor) -> LossValue:
    """Return the weighted sum over the clips that have labels, divided by the number of those clips."""
    there = ~targets.isnan().any(1)
    if not there.any():
        return LossValue(None, targets.shape[1])
    each = _of_clips(predictions[there], targets[there])
    return LossValue((weights[there] * each).mean(), 0)


def _of_clips(predictions: Tensor, targets: Tensor) -> Tensor:
    return -(targets * predictions.log_softmax(1)).sum(1)


CROSS_ENTROPY = Loss(cross_entropy, across_clips=False, of_some=cross_entropy_of_some)
