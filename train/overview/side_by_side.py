"""Runs side by side on the clips that all of them report on: settings that differ, scores, paired differences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from train.errors import ConfigError, RunError
from train.files import FOLDS_FILE
from train.labels.tables import Labels
from train.report.read_folds import read_folds
from train.report.run_study import study_of_run
from train.runs.run_folder import load_run
from train.runs.settings import compared, settings_of
from train.runs.unpacking.unpack import require_folder
from train.scores.estimates import Difference, Interval
from train.scores.folds import Fold, FoldScores
from train.scores.holm import holm
from train.scores.registry import METRICS
from train.scores.wording import aligned, interval_caption, interval_text, p_text, score_text, typeset

FloatArray = npt.NDArray[np.float64]
SHOWN = 3  # ids named in a message


@dataclass(frozen=True)
class Told:
    """What a run, an ensemble or a cross-validation says of its reported clips.

    Attributes:
        path: of its folder.
        metric: that leads its tables.
        names: of its targets.
        clips: id → fold (0 for a plain split).
        truth: id → labels (targets,).
        said: id → prediction (targets,); of several heads their mean.
        speakers: id → speaker, None where unknown.
        settings: name → value, in words.
    """

    path: Path
    metric: str
    names: tuple[str, ...]
    clips: dict[str, int]
    truth: dict[str, FloatArray]
    said: dict[str, FloatArray]
    speakers: dict[str, str | None]
    settings: dict[str, str]


@dataclass(frozen=True)
class SideBySide:
    """Runs that were compared.

    Attributes:
        names: of the runs; the first is what the others are compared with.
        clips: that all report on.
        metric: of the scores.
        differing: setting → value of each run.
        scores: of each run on those clips.
        differences: of each other run less the first.
        p_values: of those, after Holm.
    """

    names: tuple[str, ...]
    clips: int
    metric: str
    differing: dict[str, list[str]]
    scores: list[Interval]
    differences: list[Difference]
    p_values: list[float]

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)


def side_by_side(paths: Sequence[Path], metric: str | None = None) -> SideBySide:
    """Compare finished runs, ensembles or cross-validations on the clips that all of them report on.

    Args:
        paths: of their folders, at least two.
        metric: a registered one; None takes the first run's.

    Raises:
        RunError: if a folder holds none, or they report on other targets, other labels, or no clip in common.
        ConfigError: if there are fewer than two.
        LabelError: if there is no such metric.
    """
    if len(paths) < 2:
        raise ConfigError("compare: found one run, expected two or more")
    told = [_told(path) for path in paths]
    first = told[0]
    chosen = metric or first.metric
    METRICS.require(chosen)
    common = _common(told)
    rows = [_folds(each, first, common) for each in told]
    scored = [FoldScores.of(row, chosen) for row in rows]
    differences = [each.less(scored[0]) for each in scored[1:]]
    return SideBySide(
        names=_names(paths),
        clips=len(common),
        metric=chosen,
        differing=compared([each.settings for each in told]).differing,
        scores=[each.interval() for each in scored],
        differences=differences,
        p_values=[float(value) for value in holm([each.p_value for each in differences])],
    )


def _told(path: Path) -> Told:
    require_folder(path)
    run = load_run(path)
    settings = settings_of(run.config.to_dict(), run)
    if (path / FOLDS_FILE).exists():
        found = read_folds(path)
        places = [
            (n, *each) for n, fold in enumerate(found.folds) for each in _each(fold.labels, fold.predictions)
        ]
        return _by_clip(Place(path, found.metric, found.names, settings), places)
    study = study_of_run(path)
    said = study.predictions(study.rows[0]).mean(0)
    places = [(0, *each) for each in zip(study.clip_ids, study.truth, said, study.speakers, strict=True)]
    return _by_clip(Place(path, study.metric, study.names, settings), places)


class Place(NamedTuple):
    """Where something was read from, and what it is called there."""

    path: Path
    metric: str
    names: tuple[str, ...]
    settings: dict[str, str]


Said = tuple[int, str, FloatArray, FloatArray, str | None]  # fold, clip, labels, prediction, speaker


def _each(
    labels: Labels, predictions: FloatArray
) -> Iterator[tuple[str, FloatArray, FloatArray, str | None]]:
    return zip(labels.clip_ids, labels.targets, predictions, labels.speakers, strict=True)


def _by_clip(place: Place, said: Sequence[Said]) -> Told:
    return Told(
        place.path,
        place.metric,
        place.names,
        clips={clip: fold for fold, clip, *_ in said},
        truth={each[1]: each[2] for each in said},
        said={each[1]: each[3] for each in said},
        speakers={each[1]: each[4] for each in said},
        settings=place.settings,
    )


def _common(told: Sequence[Told]) -> list[str]:
    """Return the clips that all report on, in the order of the first.

    Raises:
        RunError: if targets or labels differ, or there is no such clip.
    """
    first = told[0]
    for other in told[1:]:
        if other.names != first.names:
            raise RunError(
                f"{other.path}: predicts {', '.join(other.names)}, {first.path} predicts {', '.join(first.names)}; "
                "only runs of the same targets are compared"
            )
    common = [clip for clip in first.clips if all(clip in other.clips for other in told)]
    if len(common) < 2:
        raise RunError(
            f"{', '.join(str(each.path) for each in told)}: report on {len(common)} clips in common, expected two "
            "or more; compare runs of the same reported clips"
        )
    for other in told[1:]:
        other_label = [
            c for c in common if not np.array_equal(first.truth[c], other.truth[c], equal_nan=True)
        ]
        if other_label:
            raise RunError(
                f"{other.path}: {len(other_label)} of {len(common)} clips have other labels than in {first.path}: "
                f"{', '.join(other_label[:SHOWN])}; compare runs of the same labels"
            )
        if len(set(first.clips.values())) > 1 or len(set(other.clips.values())) > 1:
            pairs = {(first.clips[c], other.clips[c]) for c in common}
            if len(pairs) != len({one for one, _ in pairs}) or len(pairs) != len({two for _, two in pairs}):
                raise RunError(
                    f"{other.path}: its folds are not those of {first.path}; compare cross-validations of the same "
                    "--folds and --group"
                )
    return common


def _folds(each: Told, first: Told, common: Sequence[str]) -> list[Fold]:
    """Return what one says of the common clips, in the folds of the first."""
    places: dict[int, list[str]] = {}
    for clip in common:
        places.setdefault(first.clips[clip], []).append(clip)
    return [
        Fold(
            np.stack([first.truth[clip] for clip in clips]),
            np.stack([each.said[clip] for clip in clips]),
            [first.speakers[clip] for clip in clips],
        )
        for clips in places.values()
    ]


def _names(paths: Sequence[Path]) -> tuple[str, ...]:
    names = [path.resolve().name for path in paths]
    return tuple(
        str(path) if names.count(name) > 1 else name for path, name in zip(paths, names, strict=True)
    )


def side_by_side_text(found: SideBySide) -> str:
    """Return the settings that differ, then the scores and the differences from the first run."""
    lines = [f"{found.clips} clips that all of them report on", ""]
    if found.differing:
        header = ["", *found.names]
        lines += aligned([header, *([name, *values] for name, values in found.differing.items())])
    else:
        lines.append("no setting differs (seeds aside)")
    rows = [["", found.metric, "difference from the first", "p after Holm"]]
    for position, (name, score) in enumerate(zip(found.names, found.scores, strict=True)):
        gap, p_value = "", ""
        if position:
            interval = found.differences[position - 1].interval
            gap = typeset(interval_text(interval.estimate, interval.low, interval.high))
            p_value = p_text(found.p_values[position - 1])
        low, high = score.low, score.high
        told = score_text(score.estimate) if np.isnan(low) else interval_text(score.estimate, low, high)
        rows.append([name, typeset(told), gap, p_value])
    return "\n".join([*lines, "", *aligned(rows), "", interval_caption(found.scores[0])])
