"""A loss: the mean squared error over clips and targets."""

from __future__ import annotations

from torch import Tensor, nn

from train.losses.loss import Loss, LossValue


def mse(predictions: Tensor, targets: Tensor) -> LossValue:
    """Return the mean squared error."""
    return LossValue(nn.functional.mse_loss(predictions, targets), 0)


MSE = Loss(mse, across_clips=False)
