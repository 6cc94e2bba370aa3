"""How many heads are fitted: where to, with which seeds, in how many processes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from train.labels.label_files import LabelFiles


@dataclass(frozen=True)
class StudyOptions:
    """How the rows of a study are fitted.

    Attributes:
        out: folder of the study.
        seeds: of each row.
        workers: processes at once, one thread each.
        tune: whether to choose each row's learning rate first, on the inner part of the training clips.
    """

    out: Path
    seeds: Sequence[int] = (0,)
    workers: int = 1
    tune: bool = False


@dataclass(frozen=True)
class RepeatOptions:
    """How one config is fitted several times, seed by seed or fold by fold.

    Attributes:
        out: folder of the runs.
        overwrite: replace runs in ``out``.
        strict: refuse to fit when a check of the audit fails.
        files: the tables that the labels were read from; None for labels that were made otherwise.
    """

    out: Path
    overwrite: bool = False
    strict: bool = False
    files: LabelFiles | None = None
