"""Divides the training clips: an inner part, which the head does not learn from, chooses the epoch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from cache.common.words import counted
from train.errors import LabelError

IntArray = npt.NDArray[np.int64]
SMALLEST_INNER = 2  # a correlation needs two clips


class InnerSplit(NamedTuple):
    """The training clips, divided.

    Attributes:
        fit: positions of the clips that are trained on, ascending.
        inner: positions of the clips that choose the epoch, ascending.
        by: "speaker", or "clip" where speakers are unknown or there is only one.
    """

    fit: IntArray
    inner: IntArray
    by: str


def inner_split(
    clip_ids: Sequence[str], speakers: Sequence[str | None], share: float, seed: int
) -> InnerSplit:
    """Set aside about ``share`` of the training clips; no speaker is on both sides where speakers are known.

    A clip without a known speaker counts as a speaker of its own.

    Raises:
        LabelError: if there are too few clips to divide.
    """
    total = len(clip_ids)
    if total < SMALLEST_INNER + 1:
        raise LabelError(
            f"{counted(total, 'training clip')} cannot be divided to choose the epoch, it takes at least "
            f"{SMALLEST_INNER + 1}; use --select last, or label more clips"
        )
    known = {speaker for speaker in speakers if speaker is not None}
    by_speaker = len(known) > 1
    groups: dict[tuple[str, str], list[int]] = {}
    for position, (clip_id, speaker) in enumerate(zip(clip_ids, speakers, strict=True)):
        key = ("speaker", speaker) if by_speaker and speaker is not None else ("clip", clip_id)
        groups.setdefault(key, []).append(position)
    inner = _draw(sorted(groups.items()), wanted=share * total, total=total, seed=seed)
    fit = np.setdiff1d(np.arange(total), inner)
    return InnerSplit(fit.astype(np.int64), inner, "speaker" if by_speaker else "clip")


def _draw(
    groups: Sequence[tuple[tuple[str, str], list[int]]], wanted: float, total: int, seed: int
) -> IntArray:
    """Take groups in a random order as long as each brings the inner part closer to ``wanted`` clips."""
    order = np.random.default_rng([seed, 1]).permutation(len(groups))
    wanted = max(wanted, SMALLEST_INNER)
    taken: list[int] = []
    for index in order:
        group = groups[index][1]
        closer = abs(len(taken) + len(group) - wanted) <= abs(len(taken) - wanted)
        if len(taken) + len(group) < total and (closer or len(taken) < SMALLEST_INNER):
            taken += group
    if len(taken) < SMALLEST_INNER:
        raise LabelError(
            "the speakers of the training clips cannot be divided to choose the epoch; use --select last"
        )
    return np.sort(np.array(taken, dtype=np.int64))
