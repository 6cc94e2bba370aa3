"""Audit of splits and cache before a fit: what would make a score too good.

It runs before anything is trained. A check that cannot be made says so, with the reason: not checked is not
passed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt

from cache import CacheReader
from cache.commit.failures import read_failures
from cache.common.errors import UnknownFieldError
from cache.common.words import counted
from cache.compaction.projection import Projection
from train.audit.agreement import annotators
from train.audit.checks import FAILED, NOT_CHECKED, PASSED, Audit, Check
from train.audit.missing import missing_labels
from train.audit.split_shift import chance_by_speaker, shift_between, summary
from train.labels.coverage import cached, coverage
from train.labels.tables import Labels, Splits
from train.streams.stream_set import Source, readers_of

NAMED = 5  # ids, speakers or files named in a line
LARGEST_LOSS = 0.01  # share of the training clips that may be missing from the cache
LARGEST_SHIFT = 0.1  # distance of two distributions (0 to 1) between splits ...
SURE = 1e-3  # ... if chance alone makes such a distance less often than this
SURE_OF_SPEAKERS = 0.04  # ... or other speakers on the two sides do
APART = 0.99  # of names: two sides that have none in common are told whoever speaks
IntArray = npt.NDArray[np.int64]


def audit(reader: Source, splits: Mapping[str, Labels]) -> Audit:
    """Look for what lets training see the clips that are reported; of several streams, in each.

    Args:
        reader: the cache, or those of the streams.
        splits: labels by name; "train" first, each of the others is one that is reported.
    """
    train, *others = sides = [_Side(name, labels, reader) for name, labels in splits.items()]
    whole = [_coverage(side, reader, most=LARGEST_LOSS if side is train else 0.0) for side in sides]
    whole += [
        check
        for side in sides
        for check in (
            *missing_labels(side.name, side.cached, reported=side is not train),
            *annotators(side.name, side.cached),
        )
    ]
    if isinstance(reader, CacheReader):
        pairs = [check for side in others for check in (_speakers(train, side), *_pair(train, side))]
        return Audit((*pairs, *whole, _fitted_outside(train, reader), _ENCODER))
    speakers = [_speakers(train, side) for side in others]
    streams = [
        replace(check, name=f"{name}: {check.name}")
        for name, each in reader.readers.items()
        for check in _of_stream(each, sides)
    ]
    return Audit((*speakers, *whole, *streams, _ENCODER))


def _of_stream(reader: CacheReader, sides: Sequence[_Side]) -> list[Check]:
    """Return the checks of one stream, on the clips that it holds."""
    train, *others = own = [_Side(side.name, side.cached, reader) for side in sides]
    everything = _Side(
        sides[0].name, sides[0].labels, reader
    )  # of train, clips that another stream lacks too
    pairs = [check for side in others for check in _pair(train, side)]
    taught = bool(_lacking(train))
    return [*pairs, *(_absent(side, taught=taught) for side in own), _fitted_outside(everything, reader)]


def _lacking(side: _Side) -> list[str]:
    """Return the clips that a stream lacks, which other streams hold."""
    held = {*side.cached.clip_ids}
    return [clip for clip in side.labels.clip_ids if clip not in held]


def _absent(side: _Side, *, taught: bool) -> Check:
    """Say how many clips a stream lacks: a fact, which the score includes.

    Args:
        side: of the audit.
        taught: whether it lacks some of the training clips, which then teach the values that stand in.
    """
    lacking, count = _lacking(side), len(side.labels)
    if not lacking:
        return Check(f"absent clips, {side.name}", PASSED, f"none: it holds all {count}")
    learned = (
        "learned values" if taught else "values that only --stream-dropout teaches (no training clip does)"
    )
    return Check(
        f"absent clips, {side.name}",
        PASSED,
        f"{len(lacking)} of {count}, for which {learned} stand in: {_some(lacking)}",
    )


def audit_splits(reader: Source, splits: Splits, *, strict: bool = False, by_speaker: bool = False) -> Audit:
    """Audit the two splits of a fit.

    Args:
        reader: the cache.
        splits: labels of the fit.
        strict: refuse to go on if a check failed.
        by_speaker: whether inputs are standardised by speaker, which assumes something that is said.

    Raises:
        AuditError: if a check failed and ``strict`` is on.
    """
    made = audit(reader, {"train": splits.train, "valid": splits.valid})
    if by_speaker:
        made = Audit((*made.checks, _BY_SPEAKER))
    if strict:
        made.require()
    return made


class _Side:
    """The clips of one split, and what the cache says about them."""

    def __init__(self, name: str, labels: Labels, reader: Source) -> None:
        self.name = name
        self.labels = labels
        self.cached = cached(labels, reader)
        self._reader = reader

    def table(self, field: str) -> npt.NDArray[Any] | None:
        """Return a clip-level field of the cached clips; None if the cache lacks it."""
        try:
            return self._reader.clip_table(f"clips/{field}", self.cached.clip_ids)
        except UnknownFieldError:
            return None

    def sounds(self) -> dict[str, str] | None:
        """Return the audio's sha256 of each clip; silence of one length is alike without being the same clip."""
        sums, silent = self.table("audio_sha256"), self.table("silent")
        if sums is None:
            return None
        loud = np.ones(len(sums), dtype=np.bool_) if silent is None else ~silent.astype(np.bool_)
        rows = zip(self.cached.clip_ids, sums.tolist(), loud, strict=True)
        return {clip_id: key for clip_id, key, kept in rows if kept}


def _pair(one: _Side, two: _Side) -> list[Check]:
    compared = {
        "container": ("source", lambda table: np.array([_suffix(name) for name in table.tolist()])),
        "loudness [dB]": ("rms_db", lambda table: table),
        "duration [s]": ("duration", lambda table: table),
    }
    checks = [_same_audio(one, two)]
    checks += [_shift(what, field, of, (one, two)) for what, (field, of) in compared.items()]
    codec = Check(f"codec, {one.name} and {two.name}", NOT_CHECKED, "a cache does not record codecs")
    return [*checks, codec]


def _speakers(one: _Side, two: _Side) -> Check:
    name = f"speakers, {one.name} and {two.name}"
    known = [[who for who in side.labels.speakers if who is not None] for side in (one, two)]
    if not all(known):
        lacking = " and ".join(side.name for side, who in zip((one, two), known, strict=True) if not who)
        return Check(name, NOT_CHECKED, f"speakers unknown in {lacking}; give them with --speakers")
    shared = sorted(set(known[0]) & set(known[1]))
    if shared:
        clips = sum(who in set(shared) for who in two.labels.speakers)
        return Check(
            name, FAILED, f"{len(shared)} in both ({_some(shared)}), with {clips} of the {two.name} clips"
        )
    sizes = " and ".join(str(len(set(who))) for who in known)
    unknown = len(one.labels) + len(two.labels) - sum(map(len, known))
    if unknown:
        return Check(
            name,
            NOT_CHECKED,
            f"none of {sizes} in both, but {counted(unknown, 'clip')} without a known speaker",
        )
    return Check(name, PASSED, f"none of {sizes} in both")


def _same_audio(one: _Side, two: _Side) -> Check:
    name = f"identical audio, {one.name} and {two.name}"
    first, second = one.sounds(), two.sounds()
    if first is None or second is None:
        return Check(name, NOT_CHECKED, "the cache holds no audio_sha256")
    clip_of = {sound: clip_id for clip_id, sound in first.items()}
    pairs = [f"{clip_of[sound]} = {clip_id}" for clip_id, sound in second.items() if sound in clip_of]
    skipped = len(one.cached) + len(two.cached) - len(first) - len(second)
    note = f"; {counted(skipped, 'silent clip')} left out" if skipped else ""
    if pairs:
        return Check(
            name,
            FAILED,
            f"{counted(len(pairs), two.name + ' clip')} with the sound of one of {one.name}: {_some(pairs)}{note}",
        )
    compared = f"{len(one.cached)} and {len(two.cached)} clips compared"
    return Check(name, PASSED, f"no two alike, {compared}{note}")


def _shift(
    what: str, field: str, of: Callable[[npt.NDArray[Any]], npt.NDArray[Any]], sides: tuple[_Side, _Side]
) -> Check:
    name = f"{what}, {sides[0].name} and {sides[1].name}"
    tables = [side.table(field) for side in sides]
    if tables[0] is None or tables[1] is None or not len(tables[0]) or not len(tables[1]):
        return Check(name, NOT_CHECKED, f"the cache holds no clips/{field}")
    one, two = of(tables[0]), of(tables[1])
    distance, chance = shift_between(one, two)
    shown = f"{' against '.join(summary(values) for values in (one, two))}; distance {distance:.2f}"
    if distance <= LARGEST_SHIFT or chance >= SURE:
        return Check(name, PASSED, shown)
    by_speaker = _chance_by_speaker(one, two, *sides)
    if by_speaker is None or (one.dtype.kind == "U" and distance > APART):
        return Check(name, FAILED, shown)
    outcome = FAILED if by_speaker < SURE_OF_SPEAKERS else PASSED
    return Check(name, outcome, f"{shown}, with other speakers as large in {by_speaker:.0%} of divisions")


def _chance_by_speaker(
    one: npt.NDArray[Any], two: npt.NDArray[Any], train: _Side, other: _Side
) -> float | None:
    """Return how often other speakers make such a distance; None where some are unknown, or on both sides."""
    speakers = [*train.cached.speakers, *other.cached.speakers]
    if None in speakers or set(train.cached.speakers) & set(other.cached.speakers):
        return None
    return chance_by_speaker(np.concatenate([one, two]), speakers, len(one))


def _coverage(side: _Side, reader: Source, most: float) -> Check:
    name = f"coverage, {side.name}"
    missing = coverage(side.labels, reader)["missing"]
    if not missing:
        return Check(name, PASSED, f"all {len(side.labels)} labelled clips are in the cache")
    why = {
        failure.clip_id: failure.reason
        for each in readers_of(reader).values()
        for failure in read_failures(each.path, set(each.clip_ids))
    }
    reasons = Counter(why.get(clip_id, "not extracted") for clip_id in missing)
    listed = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
    outcome = FAILED if len(missing) > most * len(side.labels) else PASSED
    return Check(
        name, outcome, f"{len(missing)} of {len(side.labels)} missing ({listed}): {_some(sorted(missing))}"
    )


def _fitted_outside(train: _Side, reader: CacheReader) -> Check:
    name = "fitted outside train"
    if reader.recipe.projection_sha256 is None:
        return Check(name, PASSED, "nothing is fitted in this cache: it holds what the encoder gave")
    projection = Projection.load(reader.path)
    if not projection.axes:
        return Check(name, PASSED, "nothing is fitted in this cache: frames are pooled, not projected")
    if not projection.fitted_on:
        return Check(name, NOT_CHECKED, "the projection does not say which clips it was fitted on")
    outside = sorted({*projection.fitted_on} - {*train.labels.clip_ids, *train.cached.clip_ids})
    if outside:
        clips = counted(len(outside), "clip")
        return Check(name, FAILED, f"the projection was fitted on {clips} outside train: {_some(outside)}")
    return Check(
        name,
        PASSED,
        f"the projection was fitted on {counted(len(projection.fitted_on), 'clip')}, all of train",
    )


_ENCODER = Check(
    "the encoder's own training data",
    NOT_CHECKED,
    "a cache does not record it; the default encoder learned from MSP-Podcast, whose clips it has seen",
)


_BY_SPEAKER = Check(
    "inputs standardised by speaker",
    NOT_CHECKED,
    "assumes that many clips of a speaker are at hand before one is predicted: the sound of all clips of each "
    "speaker is used, also of those reported, and none of their labels",
)


def _suffix(source: str) -> str:
    return PurePosixPath(source).suffix.lower() or "none"


def _some(names: Sequence[str]) -> str:
    text = ", ".join(names[:NAMED])
    return f"{text} and {len(names) - NAMED} more" if len(names) > NAMED else text
