"""What a study is fitted and reported on: a split, or the folds of a cross-validation, of which a split is one.

TABLES/fold-<n>.train.csv, .valid.csv   the labels of each fold's fits, so that each can be made again
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from cache.common.durable import write_output
from cache.common.progress import Progress
from cache.common.words import counted
from train.config import FitConfig
from train.errors import LabelError, RunError
from train.files import csv_text
from train.labels.coverage import ids_in, opened
from train.labels.folds import Fold, Folding, divide, shared_speakers
from train.labels.label_files import LabelFiles
from train.labels.read_tables import read_files
from train.labels.tables import Labels, Splits, label_cell, listed
from train.streams.arguments import CachePlace
from train.streams.stream_set import Source


@dataclass(frozen=True, eq=False)
class Part:
    """One split to fit and report on.

    Attributes:
        labels: of its fits.
        name: of its folder, such as "fold-2"; empty for the only one.
        group: that is left out alone; empty where a fold has several.
    """

    labels: Splits
    name: str = ""
    group: str = ""

    def require_plan(self, reader: Source, config: FitConfig) -> None:
        """Refuse what its fits would refuse, before any is made; of a fold, naming it.

        Raises:
            LabelError: if labels and cache do not fit together.
            ConfigError: if the cache has not what the config asks for.
        """
        from train.fitting.task import plan_fit  # with torch, which whoever reads labels does not wait for

        try:
            plan_fit(reader, self.labels, config)
        except LabelError as error:
            if not self.name:
                raise
            raise LabelError(f"{self.name}: {error}") from None


@dataclass(frozen=True)
class Parts:
    """The splits of a study.

    Attributes:
        all: a single one, or the folds, which report on every clip once.
        divided: how clips were divided into folds; empty for a plain split.
    """

    all: tuple[Part, ...]
    divided: str = ""

    @property
    def are_folds(self) -> bool:
        """Whether it is a cross-validation."""
        return bool(self.divided)

    @property
    def by_name(self) -> dict[str, Splits]:
        """The labels of each by its name."""
        return {part.name: part.labels for part in self.all}

    @property
    def reported(self) -> Labels:
        """The labels of all clips that are reported on."""
        valid = [part.labels.valid for part in self.all]
        joined = ("clip_ids", "written_ids", "speakers")
        both: dict[str, Any] = {
            name: tuple(value for labels in valid for value in getattr(labels, name)) for name in joined
        }
        targets = np.concatenate([labels.targets for labels in valid])
        return replace(valid[0], targets=targets, weights=None, ratings=None, **both)

    def spoken(self, part: Part) -> str:
        """Return "fold 3 of 6 (s07)"; nothing for a plain split."""
        if not self.are_folds:
            return ""
        group = f" ({part.group})" if part.group else ""
        return f"fold {self.all.index(part) + 1} of {len(self.all)}{group}"

    def changed(self, change: Callable[[Splits], Splits]) -> Parts:
        """Return the same with other labels."""
        return replace(self, all=tuple(replace(part, labels=change(part.labels)) for part in self.all))


def whole(labels: Splits | Parts) -> Parts:
    """Return a plain split as the only part; parts as they are."""
    return labels if isinstance(labels, Parts) else Parts((Part(labels),))


def fold_parts(caches: Sequence[CachePlace], labels: Labels, folding: Folding) -> Parts:
    """Divide labels into folds; nothing is written.

    Args:
        caches: a fold of which one of them holds no clip is left out, and that is said.
        labels: of all clips.
        folding: how clips are divided.

    Raises:
        LabelError: if the clips cannot be divided, or fewer than two folds are left.
    """
    folds = divide(labels, folding)
    for cache in caches:
        folds = _cached_folds(cache, labels, folds)
    everyone = np.arange(len(labels))
    parts = tuple(
        Part(
            Splits(labels.take(np.setdiff1d(everyone, fold.positions)), labels.take(fold.positions)),
            f"fold-{number}",
            fold.name,
        )
        for number, fold in enumerate(folds, 1)
    )
    return Parts(parts, _divided(labels, folding, folds))


def kept(parts: Parts, folder: Path, *, overwrite: bool = False) -> Parts:
    """Write the labels of folds as tables, each once, and return the folds as they read back.

    Args:
        parts: a plain split stays as it is.
        folder: of the tables, which the caller has claimed.
        overwrite: replace tables of other folds.

    Raises:
        RunError: if it holds tables that divide the clips, or label them, in another way.
    """
    if not parts.are_folds:
        return parts
    texts = {name: text for part in parts.all for name, text in _texts(part).items()}
    if not overwrite:
        require_same_folds(folder, texts)
    for name, text in texts.items():
        write_output(folder / name, text.encode(), overwrite)
    return replace(
        parts, all=tuple(replace(part, labels=read_files(files_of(part, folder))) for part in parts.all)
    )


def require_same_folds(folder: Path, texts: dict[str, str]) -> None:
    """Refuse a folder with tables of other folds.

    Raises:
        RunError: if there are any.
    """
    for path in sorted([*folder.glob("fold-*.train.csv"), *folder.glob("fold-*.valid.csv")]):
        if path.name not in texts or path.read_bytes() != texts[path.name].encode():
            raise RunError(
                f"{path}: exists and holds something else, a fold of other labels or another --folds or --group; "
                "give a new folder with --out"
            )


def files_of(part: Part, folder: Path) -> LabelFiles:
    """Return where the tables of a fold are."""
    train, valid = (folder / f"{part.name}.{split}.csv" for split in ("train", "valid"))
    labels = part.labels.train
    return LabelFiles(train, valid, targets=labels.names, weights=labels.weighted_by or None)


def _texts(part: Part) -> dict[str, str]:
    """Return the tables of a fold by their names."""
    splits = {"train": part.labels.train, "valid": part.labels.valid}
    return {f"{part.name}.{split}.csv": _labels_text(labels) for split, labels in splits.items()}


def _labels_text(labels: Labels) -> str:
    """Return labels as a table that reads back to the same bits."""
    rows = [
        [clip, *map(label_cell, row.tolist()), who or ""]
        for clip, row, who in zip(labels.written_ids, labels.targets, labels.speakers, strict=True)
    ]
    if labels.weights is None:
        return csv_text([labels.id_column, *labels.names, "speaker"], rows)
    rows = [[*row, repr(weight)] for row, weight in zip(rows, labels.weights.tolist(), strict=True)]
    return csv_text([labels.id_column, *labels.names, "speaker", labels.weighted_by], rows)


def _cached_folds(cache: CachePlace, labels: Labels, folds: Sequence[Fold]) -> list[Fold]:
    """Return the folds of which the cache holds a clip; say which have none.

    Raises:
        LabelError: if fewer than two are left.
    """
    with opened(cache) as reader:
        ids, where = ids_in(labels, reader), reader.path
    kept = [fold for fold in folds if any(ids[i] is not None for i in fold.positions)]
    gone = [fold.name or str(number) for number, fold in enumerate(folds, 1) if fold not in kept]
    if len(kept) < 2:
        raise LabelError(f"{labels.path}: the cache {where} holds clips of {counted(len(kept), 'fold')} only")
    if gone:
        Progress().line(f"left out, none of their clips is in the cache: {listed(gone)}")
    return kept


def _divided(labels: Labels, folding: Folding, folds: Sequence[Fold]) -> str:
    """Say how clips were divided, and whether speakers are on both sides."""
    by = folding.group or "clip"
    shared = shared_speakers(labels, folds)
    if by == "clip":
        return "by clip, so that speakers are in training and in the fold: too high"
    if shared:
        people = counted(shared, "speaker")
        return f"by {by}, with {people} in training and in a fold that is reported: too high for other people"
    return f"by {by}"
