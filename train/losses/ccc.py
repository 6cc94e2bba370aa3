"""A loss: 1 minus Lin's concordance correlation over the clips of a batch, the mean over targets."""

from __future__ import annotations

from torch import Tensor

from train.losses.loss import Loss, LossValue, varies


def ccc(predictions: Tensor, targets: Tensor) -> LossValue:
    """Return 1 minus the concordance of each column, averaged over the columns whose labels vary."""
    # A constant prediction keeps its gradient here: only a constant label column says nothing.
    defined = varies(targets)
    if not defined.any():
        return LossValue(None, targets.shape[1])
    predictions, targets = predictions[:, defined], targets[:, defined]
    one, two = predictions - predictions.mean(0), targets - targets.mean(0)
    distance = (predictions.mean(0) - targets.mean(0)) ** 2
    concordance = 2 * (one * two).mean(0) / (one.square().mean(0) + two.square().mean(0) + distance)
    return LossValue((1 - concordance).mean(), int((~defined).sum()))


CCC = Loss(ccc, across_clips=True)
