"""A loss: 1 minus Pearson's correlation over the clips of a batch, the mean over targets."""

from __future__ import annotations

from torch import Tensor

from train.losses.loss import Loss, LossValue, moments, varies


def pearson(predictions: Tensor, targets: Tensor) -> LossValue:
    """Return 1 minus the correlation of each column, averaged over the columns where both sides vary."""
    defined = varies(predictions) & varies(targets)
    if not defined.any():
        return LossValue(None, targets.shape[1])
    predictions, targets = predictions[:, defined], targets[:, defined]
    one, two = predictions - predictions.mean(0), targets - targets.mean(0)
    correlation = (one * two).sum(0) / (one.norm(dim=0) * two.norm(dim=0))
    return LossValue((1 - correlation).mean(), int((~defined).sum()))


def pearson_of_some(predictions: Tensor, targets: Tensor, weights: Tensor) -> LossValue:
    """Return the same of weighted clips, each column over those that have its label."""
    found = moments(predictions, targets, weights)
    if found is None:
        return LossValue(None, targets.shape[1])
    one, two = found.variances
    # Two roots: the product of two small variances is no float32.
    return LossValue((1 - found.shared / (one.sqrt() * two.sqrt())).mean(), found.skipped)


PEARSON = Loss(pearson, across_clips=True, of_some=pearson_of_some)
