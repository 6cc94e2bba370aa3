"""How many heads are fitted: where to, with which seeds, in how many processes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from train.config import FitConfig
from train.errors import ConfigError
from train.labels.label_files import LabelFiles


@dataclass(frozen=True)
class SearchOptions:
    """How long a search takes, and what it leaves alone.

    Attributes:
        minutes: at most, for all rows and folds together; a trial that is not done by then is left.
        fixed: fields that the user chose, or that rows differ in.
    """

    minutes: float
    fixed: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if not 0 < self.minutes < math.inf:
            raise ConfigError(f"--tune-minutes: found {self.minutes}, expected a positive number")


@dataclass(frozen=True)
class StudyOptions:
    """How the rows of a study are fitted.

    Attributes:
        out: folder of the study.
        seeds: of each row.
        workers: processes at once, one thread each.
        tune: whether to choose each row's learning rate first, on the inner part of the training clips.
        search: how to search for each row's config there instead; None for no search.
        rates: learning rates of rows, by name, that were chosen before: one for each fold.
    """

    out: Path
    seeds: Sequence[int] = (0,)
    workers: int = 1
    tune: bool = False
    search: SearchOptions | None = None
    rates: Mapping[str, Sequence[float]] = field(default_factory=dict)


@dataclass(frozen=True)
class RepeatOptions:
    """How one config is fitted several times, seed by seed or fold by fold.

    Attributes:
        out: folder of the runs.
        overwrite: replace runs in ``out``.
        strict: refuse to fit when a check of the audit fails.
        files: the tables that the labels were read from; None for labels that were made otherwise.
        configs: of folds that take another config than the others, by name, as a search chose it.
        said: lines on the config, before the first fit.
    """

    out: Path
    overwrite: bool = False
    strict: bool = False
    files: LabelFiles | None = None
    configs: Mapping[str, FitConfig] = field(default_factory=dict)
    said: tuple[str, ...] = ()
