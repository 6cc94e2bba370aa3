"""What a loss is: a function of a batch's predictions and labels, and what batches it needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor

# Variance below which a batch column counts as constant: float32 leaves about this much.
CONSTANT_VARIANCE = 1e-12


class LossValue(NamedTuple):
    """A batch's loss and how many target columns it had to leave out.

    Attributes:
        value: scalar with a gradient; None if every column was left out.
        skipped: constant columns left out of the correlation terms.
    """

    value: Tensor | None
    skipped: int


class Loss(NamedTuple):
    """One loss.

    Attributes:
        of: from predictions and labels, each (clips, targets) float32, to the batch's value.
        across_clips: whether it looks across the clips of a batch, so that batches must be a fair draw.
    """

    of: Callable[[Tensor, Tensor], LossValue]
    across_clips: bool
