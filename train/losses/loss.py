"""What a loss is: a function of a batch's predictions and labels, and what batches it needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor

# A column of a batch counts as constant when it varies by no more than what float32 leaves of one value, such
# as 33.3 in every row: relative to its size, as the metrics have it ...
CONSTANT = 1e-6
SMALLEST = 1e-18  # ... or by so little that its squares are no float32


def varies(columns: Tensor) -> Tensor:
    """Return which columns of (clips, targets) are not constant, (targets,) bool."""
    columns = columns.detach()
    span = columns.amax(0) - columns.amin(0)
    return (span > CONSTANT * columns.abs().amax(0)) & (span > SMALLEST)


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
