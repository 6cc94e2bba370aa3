"""Labels as values: the labelled clips of one split, and the splits of a fit.

Labels stay outside the cache: they change without extracting anything again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cache.common.ids import clip_id_from_text
from cache.common.table_text.numbers import is_missing
from cache.common.words import counted
from train.errors import LabelError
from train.labels.annotators import Ratings
from train.labels.label_files import LabelFiles

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
SHOWN = 5  # ids named in an error
SHOWN_COLUMNS = 40  # columns named in a message
NOT_TAKEN = {
    "ignored": "not numeric, ignored",
    "numbering": "numbers the rows or repeats the id, no target (--targets takes it all the same)",
}


@dataclass(frozen=True)
class Labels:
    """The labelled clips of one split, in the order of their table.

    Attributes:
        path: the table they came from.
        clip_ids: (clips,) by the one id rule.
        written_ids: (clips,) as the table writes them.
        targets: (clips, targets) float64, NaN where a clip has no label of a target.
        names: names of the targets, as the table calls them.
        id_column: name of the id column.
        speakers: (clips,) None where the speaker is unknown.
        ignored: columns that are no targets: text, or, where targets were named, all others.
        named: whether the targets were named, and not all numeric columns taken.
        numbering: columns of numbers that are no targets, since they number the rows or repeat the id.
        others: further tables that some of the clips came from.
        empty: those of ``ignored`` that hold nothing at all.
        whole: columns of classes, every class of which is a target.
        weights: (clips,) 0 or more, of each clip in the loss; None: all count alike.
        weighted_by: the column they came from.
        ratings: of each annotator, where there are several; the targets are their means.
        unlabelled: clips of the table that have no label of any target and so are not among these.
    """

    path: Path
    clip_ids: tuple[str, ...]
    written_ids: tuple[str, ...]
    targets: FloatArray
    names: tuple[str, ...]
    id_column: str
    speakers: tuple[str | None, ...]
    ignored: tuple[str, ...]
    named: bool = False
    numbering: tuple[str, ...] = ()
    others: tuple[Path, ...] = ()
    empty: tuple[str, ...] = ()
    whole: tuple[str, ...] = ()
    weights: FloatArray | None = None
    weighted_by: str = ""
    ratings: Ratings | None = None
    unlabelled: int = 0

    def __len__(self) -> int:
        return len(self.clip_ids)

    @property
    def texts(self) -> list[str]:
        """What to look each clip up with: its id as it is written, unless it was given another one since."""
        pairs = zip(self.written_ids, self.clip_ids, strict=True)
        return [text if clip_id_from_text(text) == clip_id else clip_id for text, clip_id in pairs]

    @property
    def by_clip(self) -> dict[str, str | None]:
        """Clip id → its speaker."""
        return dict(zip(self.clip_ids, self.speakers, strict=True))

    def take(self, positions: Sequence[int] | IntArray) -> Labels:
        """Return the labels at ``positions``, in that order."""
        which = np.asarray(positions, dtype=np.int64)
        return replace(
            self,
            clip_ids=tuple(self.clip_ids[i] for i in positions),
            written_ids=tuple(self.written_ids[i] for i in positions),
            targets=self.targets[which],
            weights=None if self.weights is None else self.weights[which],
            ratings=self.ratings.take(which) if self.ratings else None,
            speakers=tuple(self.speakers[i] for i in positions),
        )

    def of_targets(self, positions: Sequence[int] | IntArray) -> Labels:
        """Return the labels of some targets only, in that order."""
        which = np.asarray(positions, dtype=np.int64)
        names, ratings = tuple(self.names[i] for i in which), self.ratings
        ratings = ratings.of_targets(which) if ratings else None
        return replace(self, targets=self.targets[:, which], names=names, ratings=ratings)


@dataclass(frozen=True)
class Splits:
    """The labels of a fit.

    Attributes:
        train: clips to learn from.
        valid: clips to report on; same target names, no clip in common.
        files: the tables that they were read from; None for labels that were made otherwise.

    Raises:
        LabelError: if the targets differ, or a clip is in both.
    """

    train: Labels
    valid: Labels
    files: LabelFiles | None = None

    def __post_init__(self) -> None:
        if self.train.names != self.valid.names:
            raise LabelError(
                f"{self.valid.path}: its targets are {listed(self.valid.names, 20)}, those of "
                f"{self.train.path} are {listed(self.train.names, 20)}; name the ones to use with --targets"
            )
        shared = sorted(set(self.train.clip_ids) & set(self.valid.clip_ids))
        if shared:
            raise LabelError(
                f"{counted(len(shared), 'clip')} in both train ({self.train.path}) and valid ({self.valid.path}): "
                f"{listed(shared)}; a clip belongs to one split"
            )

    @property
    def origin(self) -> dict[str, Any]:
        """The tables by name, as ``LabelFiles.to_dict`` gives them; empty where they are not known."""
        return self.files.to_dict() if self.files else {}

    @property
    def paths(self) -> tuple[Path, ...]:
        """The tables, each once."""
        return tuple(dict.fromkeys([self.train.path, self.valid.path]))


def speaker_in(text: str) -> str | None:
    """Return the speaker that a cell names; None where it names nobody, as ``NA``, ``?`` or ``unknown`` do."""
    return None if is_missing(text) else text.strip()


def label_cell(value: float) -> str:
    """Return a label as a table of ours writes it: with every bit of it, and nothing where it is missing."""
    return "" if math.isnan(value) else repr(value)


def label_in(text: str) -> float:
    """Return the label in a cell of a table of ours, NaN where it is missing.

    Raises:
        ValueError: if it is no number.
    """
    return math.nan if is_missing(text) else float(text)


def require_speakers(*parts: Labels) -> None:
    """Refuse labels of which only some clips have a known speaker; all or none of a part must have one.

    A clip without one would be drawn as a speaker of its own, and intervals would come out far too narrow.

    Raises:
        LabelError: if a part is incomplete.
    """
    for labels in parts:
        check_speakers(labels.path, labels.written_ids, labels.speakers)


def require_known_speakers(*parts: Labels) -> None:
    """Refuse labels that do not name the speaker of every clip, as standardising by speaker needs them.

    Raises:
        LabelError: if a speaker is not known.
    """
    for labels in parts:
        unknown = [clip for clip, who in zip(labels.written_ids, labels.speakers, strict=True) if who is None]
        if unknown:
            raise LabelError(
                f"{labels.path}: {len(unknown)} of {len(labels)} clips have no known speaker: {listed(unknown)}; "
                "standardise speaker needs every clip's: name them with --speakers, or use --standardise train"
            )


def check_speakers(path: Path, ids: Sequence[str], speakers: Sequence[str | None]) -> None:
    """Do as ``require_speakers`` for clips of a table at ``path``."""
    unknown = [clip_id for clip_id, speaker in zip(ids, speakers, strict=True) if speaker is None]
    if 0 < len(unknown) < len(ids):
        raise LabelError(without_speaker(path, unknown, len(ids)))


def without_speaker(path: Path, unknown: Sequence[str], total: int) -> str:
    """Return the message for clips whose speaker is not known."""
    return (
        f"{path}: {len(unknown)} of {total} clips have no known speaker, expected all or none: {listed(unknown)}; "
        "complete the --speakers table (or the speaker column; NA, ? or unknown is nobody), or leave speakers "
        "out: intervals are then clip-level"
    )


def target_lines(*parts: Labels) -> list[str]:
    """Say which columns were taken as targets and which were not; nothing where the user named them."""
    first = parts[0]
    if first.named:
        return []
    shown = listed(first.names, SHOWN_COLUMNS)
    lines = [f"{first.path}: targets (all numeric columns; --targets names others): {shown}"]
    for why in ("ignored", "numbering"):
        columns = {part.path: vars(part)[why] for part in parts if vars(part)[why]}
        lines += [
            f"{path}: {NOT_TAKEN[why]}: {listed(names, SHOWN_COLUMNS)}" for path, names in columns.items()
        ]
    return lines


def listed(names: Sequence[str], most: int = SHOWN) -> str:
    """Return names for a message, at most ``most`` of them."""
    text = ", ".join(names[:most]) or "none"
    return f"{text} and {len(names) - most} more" if len(names) > most else text
