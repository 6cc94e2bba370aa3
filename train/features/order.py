"""The order of the clips in an epoch: which of them share a batch."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]

LENGTH_JITTER = 0.1  # so that clips of like length do not meet in the same batch every epoch


def epoch_batches(
    lengths: IntArray, batch_size: int, seed: int, epoch: int, by_length: bool = True
) -> list[IntArray]:
    """Divide clips into the shuffled batches of one epoch.

    The order comes from ``(seed, epoch)`` alone, so that a resumed run needs no state of a generator.

    Args:
        lengths: (clips,) frames.
        batch_size: clips per batch; one batch of the epoch may be smaller.
        seed: of the run.
        epoch: from 0.
        by_length: clips of like length share a batch, which saves padding;
            without, every batch is a fair draw, as correlation losses need it.

    Returns:
        Positions into ``lengths``, every clip once.
    """
    rng = np.random.default_rng([seed, 2, epoch])
    order = rng.permutation(len(lengths))
    if by_length:
        jittered = np.log(lengths[order]) + rng.uniform(-LENGTH_JITTER, LENGTH_JITTER, len(order))
        order = order[np.argsort(jittered, kind="stable")]
    sizes = [batch_size] * (len(order) // batch_size)
    if len(order) % batch_size:
        sizes.insert(int(rng.integers(len(sizes) + 1)), len(order) % batch_size)
    batches = np.split(order, np.cumsum(sizes)[:-1])
    return [batches[i].astype(np.int64) for i in rng.permutation(len(batches))]


def scoring_batches(lengths: IntArray, batch_size: int) -> list[IntArray]:
    """Divide clips into batches of like length, always the same."""
    order = np.argsort(lengths, kind="stable").astype(np.int64)
    return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
