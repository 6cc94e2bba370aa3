"""The losses that a fit can make smaller, by name; each loads when first used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cache.common.registry import Registry
from train.errors import ConfigError

if TYPE_CHECKING:
    from train.losses.loss import Loss

SUM = "+"  # between the terms of a sum, as in "mse+ccc"
SOFTMAX = ("cross-entropy",)  # losses of classes: what a head predicts is the softmax of what it puts out

LOSSES: Registry[Loss] = Registry("loss", ConfigError)
LOSSES.add("mse", "train.losses.mse:MSE", "mean squared error")
LOSSES.add("ccc", "train.losses.ccc:CCC", "1 - concordance correlation over the batch")
LOSSES.add("pearson", "train.losses.pearson:PEARSON", "1 - Pearson's correlation over the batch")
LOSSES.add("cross-entropy", "train.losses.cross_entropy:CROSS_ENTROPY", "of a softmax over classes; alone")


def is_loss(text: str) -> bool:
    """Whether ``text`` names a loss, or a sum of different ones; a loss of classes stands alone."""
    terms = text.split(SUM)
    if len(terms) > 1 and any(term in SOFTMAX for term in terms):
        return False
    return len(set(terms)) == len(terms) and all(term in LOSSES for term in terms)
