"""Folds of a cross-validation: which clips are held out together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from train.errors import ConfigError, LabelError
from train.labels.tables import Labels, require_speakers

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Folding:
    """How clips are divided.

    Attributes:
        count: folds.
        group: "speaker": clips of one speaker stay in one fold; None: every clip for itself.
        allow_overlap: whether a speaker may be in training and in the fold that is reported.

    Raises:
        ConfigError: if there are fewer than two folds, or no group and no leave to do without.
    """

    count: int
    group: str | None = None
    allow_overlap: bool = False

    def __post_init__(self) -> None:
        if self.count < 2:
            raise ConfigError(f"folds: found {self.count}, expected 2 or more")
        if self.group not in (None, "speaker"):
            raise ConfigError(f"group: found {self.group!r}, expected speaker")
        if self.group is None and not self.allow_overlap:
            raise ConfigError(
                "folds without a group would put one speaker's clips into training and into the fold that is "
                "reported, and the scores would be too high; use --group speaker, or --allow-speaker-overlap"
            )


def divide(labels: Labels, folding: Folding) -> list[IntArray]:
    """Return the positions of each fold's clips; the same labels give the same folds.

    Raises:
        LabelError: if speakers are unknown, or there are fewer speakers (or clips) than folds.
    """
    from sklearn.model_selection import GroupKFold, KFold

    require_speakers(labels)
    if folding.group is not None and None in labels.speakers:
        raise LabelError(
            f"{labels.path}: {len(labels)} of {len(labels)} clips have no known speaker; give a speaker column or "
            "--speakers, or divide by clip with --allow-speaker-overlap and without --group"
        )
    names = labels.speakers if folding.group is not None else labels.clip_ids
    if len(set(names)) < folding.count:
        what = "speakers" if folding.group is not None else "clips"
        raise LabelError(
            f"{labels.path}: {len(set(names))} {what} for {folding.count} folds; use fewer --folds"
        )
    positions = np.arange(len(labels))
    if folding.group is not None:
        parts = GroupKFold(folding.count).split(positions, groups=np.array(names))
    else:
        parts = KFold(folding.count, shuffle=True, random_state=0).split(positions)
    return [np.asarray(held_out, dtype=np.int64) for _, held_out in parts]
