"""What a page shows of one folder: its clips, its rows with what they predict, and its sections in words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cache.common.errors import CacheError
from cache.common.words import counted
from train.checksums import known_fields, read_json
from train.errors import LabelError
from train.files import ENVIRONMENT_FILE, HISTORY_FILE
from train.labels.coverage import opened
from train.report.ensemble_section import TOGETHER, ensemble_section, together
from train.report.folds_page import (
    FOLD_BY_FOLD,
    NOT_IN_IT,
    folds_commands,
    folds_curves,
    folds_sections,
    folds_tables,
)
from train.report.page import SAME_BITS, curves_of, is_ensemble, kind_of, score_tables, study_sections
from train.report.plots import Curves
from train.report.read_folds import Folds, read_folds
from train.report.run_study import study_of_run
from train.scores.folds import Fold, FoldScores
from train.scores.wording import interval_caption
from train.streams.arguments import places_in
from train.studies.cross_validation import FOLDS
from train.studies.scored import notes_on_folds
from train.studies.study import RESULTS, Study, load_study

FloatArray = npt.NDArray[np.float64]
REPORTED = "reported"  # the split of clips that are of no fold


@dataclass(frozen=True)
class Clips:
    """The clips that a folder reports on.

    Attributes:
        ids: (clips,).
        truth: (clips, targets) labels, NaN where missing.
        speakers: (clips,) None where unknown.
        parts: (clips,) the fold of each, or "reported".
        groups: (clips,) the group of each; empty text where it has none.
        seconds: (clips,) their lengths [s], NaN where they are not known.
    """

    ids: tuple[str, ...]
    truth: FloatArray
    speakers: tuple[str | None, ...]
    parts: tuple[str, ...]
    groups: tuple[str, ...]
    seconds: FloatArray


@dataclass(frozen=True)
class Row:
    """One row of the table of scores.

    Attributes:
        name: of it.
        folds: what its heads say of the clips of each fold, in the order of the clips; of a plain split, one.
        parameters: trainable values; None where that is not told.
        seconds: of one fit; None where that is not told.
    """

    name: str
    folds: tuple[Fold, ...]
    parameters: int | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Source:
    """A folder as a page shows it.

    Attributes:
        path: of it.
        kind: what it is, in words.
        metric: that leads its tables.
        names: of the targets.
        clips: that it reports on.
        rows: in its order.
        reference: name of the row that the others are compared with.
        family: from how many differences those of these rows were picked; 0 if they were not.
        caption: what is to be said of its scores.
        tables: its scores in detail, as sections of Markdown.
        sections: its other ones, without pictures.
        curves: learning curves by title.
        curves_show: what these are.
        inputs: cache and label tables that it was fitted from, as ``environment.json`` names them.
    """

    path: Path
    kind: str
    metric: str
    names: tuple[str, ...]
    clips: Clips
    rows: tuple[Row, ...]
    reference: str
    family: int
    caption: str
    tables: tuple[str, ...]
    sections: tuple[str, ...]
    curves: dict[str, Curves]
    curves_show: str
    inputs: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of its folder."""
        return self.path.resolve().name


def read_source(path: Path) -> Source:
    """Read a finished run, an ensemble, a cross-validation, an ablation or baselines.

    Raises:
        RunError: if the folder holds none, or a damaged one.
        LabelError: if the labels of a run have moved or changed.
    """
    if (path / FOLDS).exists():
        return _of_folds(read_folds(path))
    return _of_study(load_study(path) if (path / RESULTS).exists() else study_of_run(path))


def _of_folds(found: Folds) -> Source:
    folds = tuple(Fold(fold.truth, fold.heads, fold.speakers) for fold in found.scored)
    ids = tuple(clip for fold in found.folds for clip in fold.labels.clip_ids)
    inputs = found.inputs or _inputs_of(found.folds[0].run)
    clips = Clips(
        ids,
        np.concatenate([fold.truth for fold in folds]),
        tuple(who for fold in found.folds for who in fold.labels.speakers),
        _each_clip(found, lambda fold: fold.part),
        _each_clip(found, lambda fold: fold.name),
        _lengths(inputs.get("cache"), ids),
    )
    name = found.path.resolve().name
    tables = folds_tables(found)
    curves, show = folds_curves(found)
    about = interval_caption(FoldScores.of(folds, found.metric).interval())
    divided = f", divided {found.divided}" if found.divided else ""
    return Source(
        path=found.path,
        kind=f"cross-validation, {counted(len(folds), 'fold')}",
        metric=found.metric,
        names=found.names,
        clips=clips,
        rows=(Row(name, folds),),
        reference=name,
        family=0,
        caption=f"Mean over {counted(len(folds), 'fold')}{divided}. {about}. {NOT_IN_IT}",
        tables=tuple(tables[tables.index(FOLD_BY_FOLD) :]),
        sections=(*folds_sections(found), "## Reproduce", SAME_BITS, folds_commands(found)),
        curves=curves,
        curves_show=show,
        inputs=inputs,
    )


def _inputs_of(run: Path) -> dict[str, Any]:
    with known_fields(run / ENVIRONMENT_FILE, "an environment"):
        return dict(read_json(run / ENVIRONMENT_FILE).get("inputs") or {})


def _each_clip(found: Folds, text_of: Callable[..., str]) -> tuple[str, ...]:
    return tuple(text_of(fold) for fold in found.folds for _ in fold.labels.clip_ids)


def _of_study(study: Study) -> Source:
    sizes = [(fold.name, fold.group, fold.clips) for fold in study.folds]
    names = sizes or [(REPORTED, "", len(study.clip_ids))]
    clips = Clips(
        study.clip_ids,
        study.truth,
        study.speakers,
        tuple(name for name, _, count in names for _ in range(count)),
        tuple(group for _, group, count in names for _ in range(count)),
        _lengths(study.row(study.reference).cache, study.clip_ids),
    )
    rows = _heads(study) if is_ensemble(study) else [_row(study, row.name) for row in study.rows]
    reference = TOGETHER if is_ensemble(study) else study.reference
    folds = next(row.folds for row in rows if row.name == reference)
    trained = [row for row in study.rows if (study.path / row.runs[0] / HISTORY_FILE).exists()]
    curves, show = curves_of(study, trained)
    about = interval_caption(
        FoldScores.of(folds, study.metric).interval(), "ensemble" if is_ensemble(study) else "seed"
    )
    said = [study.caption, f"{about}.", notes_on_folds(study)]
    own = ensemble_section(study) if is_ensemble(study) else []
    return Source(
        path=study.path,
        kind=kind_of(study),
        metric=study.metric,
        names=study.names,
        clips=clips,
        rows=tuple(rows),
        reference=reference,
        family=study.family,
        caption=" ".join(filter(None, said)),
        tables=(*own, *score_tables(study)),
        sections=tuple(study_sections(study)),
        curves=curves,
        curves_show=show,
        inputs=_inputs_of(study.path / study.row(study.reference).runs[0]),
    )


def _row(study: Study, name: str) -> Row:
    row = study.row(name)
    return Row(name, tuple(study.scored(row)), row.parameters, row.seconds)


def _heads(study: Study) -> list[Row]:
    """Return the rows of an ensemble: its heads together, what one of them reaches, and each of them."""
    (row,) = study.rows
    parameters, seconds = row.parameters, row.seconds
    heads = study.predictions(row)
    return [
        Row(TOGETHER, tuple(study.in_folds(together(study))), parameters * len(heads), seconds * len(heads)),
        _row(study, row.name),
        *(
            Row(Path(run).name, tuple(study.in_folds(head[None])), parameters, seconds)
            for run, head in zip(row.runs, heads, strict=True)
        ),
    ]


def _lengths(cache: object, ids: Sequence[str]) -> FloatArray:
    """Return the clips' lengths [s], NaN where the cache is not there any more, or does not know a clip."""
    found = np.full(len(ids), np.nan)
    if not cache:
        return found
    try:
        with opened(places_in(cache)) as reader:
            at = [place for place, clip_id in enumerate(ids) if clip_id in reader]
            if at:
                found[at] = reader.clip_table("clips/duration", [ids[place] for place in at])
    except (CacheError, LabelError):  # a report does not need it: only the lengths stay unknown
        return np.full(len(ids), np.nan)
    return found
