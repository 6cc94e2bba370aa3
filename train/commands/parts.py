"""What a command fits and reports on: the split of its labels, or folds of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import typer

from train.labels.fold_options import FoldOptions
from train.labels.label_files import LabelFiles
from train.streams.arguments import CachePlace

if TYPE_CHECKING:
    from train.labels.folds import Folding
    from train.studies.parts import Parts


def folding_of(given: Mapping[str, Any]) -> Folding | None:
    """Return how clips are to be divided; None for the split that the labels have.

    Args:
        given: options of ``FoldOptions`` that were typed.
    """
    from train.labels.folds import Folding, parse_folds

    options = FoldOptions(**given)
    if options.idle:
        raise typer.BadParameter(
            "says how --folds divides the clips; add --folds K, or leave it out", param_hint=options.idle
        )
    if options.folds is None:
        return None
    return Folding(parse_folds(options.folds), options.group, options.allow_speaker_overlap)


def read_parts(files: LabelFiles, caches: Sequence[CachePlace], given: Mapping[str, Any]) -> Parts:
    """Read the labels of a command, and divide them where folds are asked for."""
    from train.labels.read_tables import read_all_labels, read_files
    from train.studies.parts import fold_parts, whole

    folding = folding_of(given)
    if folding is None:
        return whole(read_files(files))
    return fold_parts(caches, read_all_labels(files), folding)
