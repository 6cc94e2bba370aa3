"""The losses that a fit can make smaller, by name; each loads when first used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cache.common.registry import Registry
from train.errors import ConfigError

if TYPE_CHECKING:
    from train.losses.loss import Loss

SUM = "+"  # between the terms of a sum, as in "mse+ccc"

LOSSES: Registry[Loss] = Registry("loss", ConfigError)
LOSSES.add("mse", "train.losses.mse:MSE", "mean squared error")
LOSSES.add("ccc", "train.losses.ccc:CCC", "1 - concordance correlation over the batch")
LOSSES.add("pearson", "train.losses.pearson:PEARSON", "1 - Pearson's correlation over the batch")


def is_loss(text: str) -> bool:
    """Whether ``text`` names a loss, or a sum of different ones."""
    terms = text.split(SUM)
    return len(set(terms)) == len(terms) and all(term in LOSSES for term in terms)
