"""A loss: the mean squared error over clips and targets."""

from __future__ import annotations

from torch import Tensor, nn

from train.losses.loss import Loss, LossValue


def mse(predictions: Tensor, targets: Tensor) -> LossValue:
    """Return the mean squared error."""
    return LossValue(nn.functional.mse_loss(predictions, targets), 0)


def mse_of_some(predictions: Tensor, targets: Tensor, weights: Tensor) -> LossValue:
    """Return the mean over columns of each one's weighted squared error over the clips that have its label.

    It is divided by the number of those clips, not by their weights: these have the mean 1 over all clips of a
    fit, and a batch of heavy clips is to count for more.
    """
    there = ~targets.isnan()
    count = there.sum(0)
    defined = count > 0
    if not defined.any():
        return LossValue(None, targets.shape[1])
    error = (predictions - targets.where(there, 0)).where(there, 0).square()
    value = ((weights[:, None] * error).sum(0)[defined] / count[defined]).mean()
    return LossValue(value, int((~defined).sum()))


MSE = Loss(mse, across_clips=False, of_some=mse_of_some)
