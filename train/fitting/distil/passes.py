"""Which clips a student hears and which are held out: folds by speaker and then all, or what a table names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cache import read_table
from cache.common.ids import nearly_matching
from train.errors import LabelError
from train.labels.folds import SPEAKER, Folding, divide
from train.labels.tables import Labels, listed

IntArray = npt.NDArray[np.int64]
LEAST = 2  # clips that are held out or learned from: of one, nothing varies


@dataclass(frozen=True)
class HeldOut:
    """Who is held out, as the user says it.

    Attributes:
        speakers: clip id → who speaks; None where that is not known.
        valid: table of the clips that are held out; None for folds.
        where: the table of speakers, or the cache, for messages.
    """

    speakers: Mapping[str, str] | None
    valid: Path | None
    where: Path


@dataclass(frozen=True)
class Pass:
    """One training.

    Attributes:
        name: for the progress.
        heard: positions of the clips that are learned from.
        held: positions of the clips that are held out; none when a student learns from all.
    """

    name: str
    heard: IntArray
    held: IntArray


def plan_passes(clip_ids: Sequence[str], held_out: HeldOut, folds: int) -> list[Pass]:
    """Return the trainings, in their order; the student is that of the last.

    Raises:
        LabelError: if speakers are incomplete, or too few for the folds, or a table names no or all clips.
    """
    everything, who = np.arange(len(clip_ids)), speakers_of(clip_ids, held_out)
    if held_out.speakers is not None and not any(who):
        raise LabelError(
            f"{held_out.where}: names the speaker of none of the {len(clip_ids)} clips of both caches, such as "
            f"{clip_ids[0]}{nearly_matching(clip_ids, held_out.speakers)}; leave --speakers out where nobody is "
            "known"
        )
    if held_out.valid is not None:
        held = _named(held_out.valid, clip_ids)
        unknown = [clip_ids[at] for at in held if who[at] is None]
        if len(unknown) not in (0, len(held)):
            raise LabelError(
                f"{held_out.where}: {len(unknown)} of the {len(held)} clips that are held out have no known "
                f"speaker, expected all or none: {listed(unknown)}; complete it, or leave --speakers out"
            )
        return [Pass("the student", np.setdiff1d(everything, held), held)]
    labels = Labels(
        path=held_out.where,
        clip_ids=tuple(clip_ids),
        written_ids=tuple(clip_ids),
        targets=np.zeros((len(clip_ids), 1)),
        names=("said",),
        id_column="clip_id",
        speakers=who,
        ignored=(),
    )
    known = any(who)
    if known and len(set(who)) == 1:
        raise LabelError(
            f"{held_out.where}: all {len(clip_ids)} clips are of speaker {who[0]}, expected two or more to hold "
            "one out; leave --speakers out, or name clips to hold out with --valid"
        )
    parts = divide(labels, Folding(folds, SPEAKER if known else None, allow_overlap=not known))
    found = [
        Pass(f"part {number + 1} of {len(parts)}", np.setdiff1d(everything, part.positions), part.positions)
        for number, part in enumerate(parts)
    ]
    if any(len(each.heard) < LEAST for each in found):
        raise LabelError(
            f"{held_out.where}: {len(clip_ids)} clips in {len(found)} folds leave one clip to learn from, expected "
            f"{LEAST}; make caches of more clips"
        )
    return [*found, Pass("the student, of all clips", everything, np.empty(0, np.int64))]


def _named(table: Path, clip_ids: Sequence[str]) -> IntArray:
    """Return the positions of the clips that a table names; some, and not all."""
    named = set(read_table(table).ids())
    held = np.array([at for at, name in enumerate(clip_ids) if name in named], dtype=np.int64)
    if not LEAST <= len(held) <= len(clip_ids) - LEAST:
        raise LabelError(
            f"{table}: names {len(held)} of the {len(clip_ids)} clips of both caches, expected at "
            f"least {LEAST}, and {LEAST} others to learn from"
        )
    return held


def heard_speakers(passes: Sequence[Pass], speakers: Sequence[str | None]) -> tuple[int, int]:
    """Return how many of the speakers that are held out are heard in other clips, and how many are held out.

    Folds by speaker share none; a table that names clips to hold out may.
    """
    first = passes[0]
    heard, held = ({speakers[at] for at in part} - {None} for part in (first.heard, first.held))
    return len(heard & held), len(held)


def speakers_of(clip_ids: Sequence[str], held_out: HeldOut) -> tuple[str | None, ...]:
    """Return who speaks in each clip; None for all where that is not known."""
    known = held_out.speakers or {}
    return tuple(known.get(clip_id) for clip_id in clip_ids)
