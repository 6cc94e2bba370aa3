"""A loss: 1 minus Lin's concordance correlation over the clips of a batch, the mean over targets."""

from __future__ import annotations

from torch import Tensor

from train.losses.loss import Loss, LossValue, moments, varies


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


def ccc_of_some(predictions: Tensor, targets: Tensor, weights: Tensor) -> LossValue:
    """Return the same of weighted clips, each column over those that have its label."""
    found = moments(predictions, targets, weights, both_vary=False)
    if found is None:
        return LossValue(None, targets.shape[1])
    distance = (found.means[0] - found.means[1]) ** 2
    concordance = 2 * found.shared / (found.variances[0] + found.variances[1] + distance)
    return LossValue((1 - concordance).mean(), found.skipped)


CCC = Loss(ccc, across_clips=True, of_some=ccc_of_some)
