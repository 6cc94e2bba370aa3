"""Folds of a cross-validation: which clips are held out together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cache import read_table
from train.errors import ConfigError, LabelError
from train.labels.tables import Labels, listed, require_speakers

IntArray = npt.NDArray[np.int64]
SPEAKER, LEAVE_ONE_OUT = "speaker", "loo"


@dataclass(frozen=True)
class Folding:
    """How clips are divided.

    Attributes:
        count: folds; None leaves out one group after the other.
        group: clips of one group stay in one fold: "speaker", or a column of the label table; None: every clip
            for itself.
        allow_overlap: whether a speaker may be in training and in the fold that is reported.

    Raises:
        ConfigError: if there are fewer than two folds, or no group and no leave to do without.
    """

    count: int | None
    group: str | None = None
    allow_overlap: bool = False

    def __post_init__(self) -> None:
        if self.count is not None and self.count < 2:
            raise ConfigError(f"folds: found {self.count}, expected 2 or more")
        if self.group is None and self.count is None:
            raise ConfigError("folds loo leaves out one group after the other: name it with --group")
        if self.group is None and not self.allow_overlap:
            raise ConfigError(
                "folds without a group would put one speaker's clips into training and into the fold that is "
                "reported, and the scores would be too high; use --group speaker, or --allow-speaker-overlap"
            )


@dataclass(frozen=True, eq=False)
class Fold:
    """The clips that are held out together.

    Attributes:
        positions: of them among all.
        name: of the group that is left out alone; empty where a fold has several.
    """

    positions: IntArray
    name: str = ""


def parse_folds(text: str) -> int | None:
    """Return the number of folds, None for ``loo``.

    Raises:
        ConfigError: it is neither.
    """
    if text.strip().lower() == LEAVE_ONE_OUT:
        return None
    if not text.strip().isdecimal():
        raise ConfigError(f"folds: found {text!r}, expected a number of 2 or more, or {LEAVE_ONE_OUT}")
    return int(text)


def divide(labels: Labels, folding: Folding) -> list[Fold]:
    """Return the folds; the same labels give the same ones.

    Raises:
        LabelError: if the group of a clip is not known, or there are fewer groups (or clips) than folds.
    """
    from sklearn.model_selection import GroupKFold, KFold

    require_speakers(labels)
    names = labels.clip_ids if folding.group is None else groups_of(labels, folding.group)
    if len(set(names)) == 1 and folding.group is not None:
        raise LabelError(
            f"{labels.path}: --group {folding.group} is {names[0]!r} for all {len(labels)} clips, found one group, "
            "expected two or more; divide by another column"
        )
    count = len(set(names)) if folding.count is None else folding.count
    if len(set(names)) < max(2, count):
        what = (
            f"{folding.group or 'clip'}s"
            if folding.group in (None, "speaker")
            else f"groups by {folding.group}"
        )
        raise LabelError(
            f"{labels.path}: {len(set(names))} {what} for {max(2, count)} folds; use fewer --folds"
        )
    if folding.count is None:
        of_clip = np.array(names, dtype=object)
        return [Fold(np.flatnonzero(of_clip == name), name) for name in dict.fromkeys(names)]
    positions = np.arange(len(labels))
    if folding.group is not None:
        parts = GroupKFold(count).split(positions, groups=np.array(names))
    else:
        parts = KFold(count, shuffle=True, random_state=0).split(positions)
    return [Fold(np.asarray(held_out, dtype=np.int64)) for _, held_out in parts]


def groups_of(labels: Labels, group: str) -> tuple[str, ...]:
    """Return the group of each clip: its speaker, or what a column of its label table says.

    Raises:
        LabelError: if there is no such column, it is no group, or it is empty for some clips.
    """
    if group == SPEAKER:
        if None in labels.speakers:
            raise LabelError(
                f"{labels.path}: {len(labels)} of {len(labels)} clips have no known speaker; give a speaker column "
                "or --speakers, or divide by clip with --allow-speaker-overlap and without --group"
            )
        return tuple(str(who) for who in labels.speakers)
    if group in {*labels.names, labels.id_column}:
        what = "a target" if group in labels.names else "the id"
        way = "; name the targets with --targets" if group in labels.names else ""
        raise LabelError(
            f"{labels.path}: --group {group} is {what} column{way}, or choose speaker or another column"
        )
    found: dict[str, str] = {}
    for path in (labels.path, *labels.others):
        table = read_table(path)
        if group not in table.columns:
            raise LabelError(
                f"{path}: no column {group!r} to divide by, found {', '.join(table.columns)}; "
                "use --group speaker, or a column of the label table"
            )
        rows = zip(table.written_ids(), table.rows, strict=True)
        found.update((clip, row[group].strip()) for clip, row in rows)
    unknown = [clip for clip in labels.written_ids if not found[clip]]
    if unknown:
        raise LabelError(
            f"{labels.path}: column {group!r} is empty for {len(unknown)} of {len(labels)} clips: "
            f"{listed(unknown)}; name the group of every clip"
        )
    return tuple(found[clip] for clip in labels.written_ids)


def shared_speakers(labels: Labels, folds: Sequence[Fold]) -> int:
    """Return how many known speakers have clips in more than one fold."""
    seen = Counter(
        who for fold in folds for who in {labels.speakers[i] for i in fold.positions} if who is not None
    )
    return sum(count > 1 for count in seen.values())
