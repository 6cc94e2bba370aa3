"""Missing labels: which clips have a label of which target, how many lack one, and statistics over the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


class Alike(NamedTuple):
    """Targets that the same clips have a label of.

    Attributes:
        targets: their positions.
        clips: (clips,) which have a label of them.
    """

    targets: IntArray
    clips: BoolArray


class Range(NamedTuple):
    """Mean, smallest and largest label of each target, each (targets,)."""

    mean: FloatArray
    low: FloatArray
    high: FloatArray


def alike(targets: FloatArray) -> Iterator[Alike]:
    """Yield the targets of (clips, targets) in groups of which the same clips have a label (are not NaN)."""
    there = ~np.isnan(targets)
    groups: dict[bytes, list[int]] = {}
    for position, column in enumerate(there.T):
        groups.setdefault(column.tobytes(), []).append(position)
    for positions in groups.values():
        yield Alike(np.array(positions, dtype=np.int64), there[:, positions[0]])


def labelled(targets: FloatArray) -> BoolArray:
    """Return of which targets (targets,) any clip has a label."""
    return np.asarray(~np.isnan(targets).all(0))


def missing_counts(targets: FloatArray, names: Sequence[str]) -> dict[str, int]:
    """Return how many clips lack a label, by target; targets that none lacks are not named."""
    counts = np.isnan(targets).sum(0).tolist()
    return {name: count for name, count in zip(names, counts, strict=True) if count}


def range_of(targets: FloatArray) -> Range:
    """Return mean, smallest and largest label of each column of (clips, targets), over the clips that have it."""
    if not np.isnan(targets).any():
        return Range(targets.mean(0), targets.min(0), targets.max(0))
    columns = [column[~np.isnan(column)] for column in targets.T]
    return Range(*(np.array([of(column) for column in columns]) for of in (np.mean, np.min, np.max)))


def without_score(missing: dict[str, int], clips: int, targets: int) -> str:
    """Say of which targets no reported clip has a label; nothing if there is none.

    Args:
        missing: of ``missing_counts`` of the reported clips.
        clips: how many those are.
        targets: how many there are in all.
    """
    names = [name for name, count in missing.items() if count == clips]
    if not names:
        return ""
    return (
        f"no label of {', '.join(names)} among these clips, so no score; means are over the other "
        f"{targets - len(names)} of {targets} targets"
    )


def no_training_label(path: Path, names: Sequence[str], clips: int) -> str:
    """Return the message for targets of which no clip that is trained on has a label."""
    return (
        f"{path}: no label of {', '.join(names)} among the {clips} clips to train on, expected one or more of "
        "every target; fill some cells, or leave the column out with --targets"
    )
