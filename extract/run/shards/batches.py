"""Which clips the encoder sees together: like lengths, under a budget of padded seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from cache.format.schema import SAMPLING_RATE

Item = TypeVar("Item")


def batches(
    items: Iterable[tuple[Item, int]], budget: Callable[[], float], equal_lengths: bool
) -> Iterator[list[Item]]:
    """Cut a stream of (item, num_samples), sorted by length, into batches.

    Args:
        items: in the order in which they arrive.
        budget: longest clip × number of clips a batch may come to [s]; 0 for one clip at a time. Asked
            before every clip, since running out of memory lowers it.
        equal_lengths: a batch may only hold clips of one length (group-norm encoders, whose
            values change with padding even under a mask).

    Yields:
        Batches in the order of arrival: what is in them depends on the stream and the budget, never on timing.
    """
    batch: list[Item] = []
    longest = 0
    for item, samples in items:
        padded = max(longest, samples) * (len(batch) + 1) / SAMPLING_RATE
        if batch and (padded > budget() or (equal_lengths and samples != longest)):
            yield batch
            batch, longest = [], 0
        batch.append(item)
        longest = max(longest, samples)
    if batch:
        yield batch
