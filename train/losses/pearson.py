"""A loss: 1 minus Pearson's correlation over the clips of a batch, the mean over targets."""

from __future__ import annotations

from torch import Tensor

from train.losses.loss import Loss, LossValue, varies


def pearson(predictions: Tensor, targets: Tensor) -> LossValue:
    """Return 1 minus the correlation of each column, averaged over the columns where both sides vary."""
    defined = varies(predictions) & varies(targets)
    if not defined.any():
        return LossValue(None, targets.shape[1])
    predictions, targets = predictions[:, defined], targets[:, defined]
    one, two = predictions - predictions.mean(0), targets - targets.mean(0)
    correlation = (one * two).sum(0) / (one.norm(dim=0) * two.norm(dim=0))
    return LossValue((1 - correlation).mean(), int((~defined).sum()))


PEARSON = Loss(pearson, across_clips=True)
