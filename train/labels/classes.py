"""Targets that are classes: one column for each, of which a clip has exactly one, or a share of several."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from train.errors import LabelError
from train.labels.tables import Labels

FloatArray = npt.NDArray[np.float64]
SUM = 1e-6  # by which the shares of a clip may miss 1


def is_one_hot(targets: FloatArray) -> bool:
    """Whether the columns of (clips, targets) are classes: two or more, and each clip has a 1 in exactly one.

    Clips without any label (NaN in every column) do not count.
    """
    there = _labelled(targets)
    one_of_two = targets.shape[1] > 1 and len(there) > 0 and bool(np.isin(there, (0.0, 1.0)).all())
    return one_of_two and bool((there.sum(1) == 1).all())


def require_shares(labels: Labels, why: str) -> None:
    """Refuse labels that are neither classes nor shares of them: 0 or more, and 1 in all for each clip.

    Args:
        labels: of some clips.
        why: what asks for them, to begin the message with.

    Raises:
        LabelError: if a clip's labels are no shares.
    """
    there = _labelled(labels.targets)
    wrong = (there < 0).any(1) | ~(np.abs(there.sum(1) - 1) <= SUM)
    if labels.targets.shape[1] < 2 or wrong.any():
        found = "one target" if labels.targets.shape[1] < 2 else f"{there[wrong][0].sum():g} for a clip"
        raise LabelError(_no_classes(labels.path, why, f"0 or more and 1 in all, found {found}"))


def require_one_hot(labels: Labels, why: str) -> None:
    """Refuse labels that are no classes; arguments as of :func:`require_shares`.

    Raises:
        LabelError: if a clip has not exactly one class.
    """
    if not is_one_hot(labels.targets):
        raise LabelError(_no_classes(labels.path, why, "1 for one class and 0 for every other"))


def require_known_classes(labels: Labels, means: FloatArray) -> None:
    """Refuse clips of a class that a head does not know, where it learned all classes of a column.

    Args:
        labels: of the head's targets.
        means: (targets,) of its training labels; those of all classes of a column are 1 together.

    Raises:
        LabelError: if a clip has none of those classes.
    """
    columns = [name.partition("=")[0] for name in labels.names]
    for column in dict.fromkeys(columns):
        named = zip(columns, labels.names, strict=True)
        where = [at for at, (one, name) in enumerate(named) if one == column != name]
        if not where or abs(means[where].sum() - 1) > SUM:
            continue
        strange = np.flatnonzero(labels.targets[:, where].sum(1) == 0)
        if len(strange):
            raise LabelError(
                f"{labels.path}: {len(strange)} of {len(labels)} clips have a {column} that the head does not "
                f"know, such as {labels.written_ids[strange[0]]}; leave them out, or fit again"
            )


def short_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the classes' own names, where all targets are of one column: ``anger`` of ``emotion=anger``."""
    columns = {name.partition("=")[0] for name in names}
    if len(columns) > 1 or not all("=" in name for name in names):
        return names
    return tuple(name.partition("=")[2] for name in names)


def _labelled(targets: FloatArray) -> FloatArray:
    return targets[~np.isnan(targets).all(1)]


def _no_classes(path: Path, why: str, expected: str) -> str:
    return (
        f"{path}: {why} needs classes, a clip's labels must be {expected}; name a column of classes with "
        "--targets, or choose another loss or metric"
    )
