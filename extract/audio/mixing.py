"""How the channels of a clip become one: their mean, unless some are silent or they cancel each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from extract.audio.rules import CANCELS_ABOVE, SILENT_BELOW

Samples = NDArray[np.float32]


def mono(block: Samples, channels: Iterable[int] | None = None) -> Samples:
    """Return (samples,) of a block (samples, channels): the mean of some channels, or of all, in their order."""
    wanted = range(block.shape[1]) if channels is None else tuple(channels)
    if len(wanted) == 1:
        return np.ascontiguousarray(block[:, wanted[0]])
    total = block[:, wanted[0]].copy()
    for other in wanted[1:]:
        total += block[:, other]
    total /= np.float32(len(wanted))
    return total


@dataclass(frozen=True)
class Mix:
    """Which channels are averaged.

    Attributes:
        channels: their numbers, from 0.
        of: how many there are.
        lost_db: what the mean would have lost, where it was too much and one channel alone is taken [dB].
    """

    channels: tuple[int, ...]
    of: int
    lost_db: float = 0.0

    @property
    def is_mean_of_all(self) -> bool:
        """Whether no channel is left out."""
        return len(self.channels) == self.of


Mixes = Mapping[int, Mix]
"""Number of channels → how they are mixed; the mean of all for those it does not name."""


class Levels:
    """How loud the channels of a clip are, each alone and all together; an offset that stays is no sound."""

    def __init__(self, channels: int) -> None:
        self._samples = 0
        self._sums, self._squares = np.zeros(channels + 1), np.zeros(channels + 1)  # the mean comes last

    def add(self, block: Samples, mean: Samples) -> None:
        """Count a block (samples, channels) and the mean of its channels (samples,)."""
        self._samples += len(block)
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite comes to light later
            for row, values in enumerate(
                (*block.T, mean)
            ):  # numpy sums pairwise: float32 will do for a second
                self._sums[row] += values.sum()
                self._squares[row] += np.square(values).sum()

    def mix(self) -> Mix:
        """Decide which channels are averaged.

        The mean of some is told from that of all: what is left out is too weak to matter. Where a value is not
        finite nothing compares, and the mean of all brings it to light.
        """
        count = len(self._sums) - 1
        everything = Mix(tuple(range(count)), count)
        with np.errstate(over="ignore", invalid="ignore"):
            power = self._squares / max(1, self._samples) - (self._sums / max(1, self._samples)) ** 2
        loudest = int(np.argmax(power[:count]))
        if not np.isfinite(power).all() or power[loudest] <= 0:
            return everything
        heard = [n for n in range(count) if power[n] > power[loudest] * 10 ** (-SILENT_BELOW / 10)]
        mean = power[count] * (count / len(heard)) ** 2
        lost = 10 * np.log10(power[loudest] / max(mean, power[loudest] * 1e-12))
        if len(heard) > 1 and lost > CANCELS_ABOVE:
            return Mix((loudest,), count, round(float(lost), 1))
        return Mix(tuple(heard), count)
