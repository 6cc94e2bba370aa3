"""The floor beside a head: what the best simple model reaches on the same clips, and how far off the head is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from cache import read_table
from cache.common.progress import Progress
from train.checksums import verified
from train.config import FitConfig
from train.files import PREDICTIONS_FILE
from train.fitting.task import plan_fit
from train.labels.coverage import opened
from train.labels.missing import labelled
from train.labels.tables import Labels, Splits
from train.runs.run_folder import Run
from train.runs.submission import predictions_in
from train.scores.estimates import Difference
from train.scores.fold_table import mean_over_folds
from train.scores.folds import Fold, FoldScores
from train.scores.registry import METRICS
from train.scores.targets import scores_of
from train.scores.wording import interval_text, p_text, score_text, typeset
from train.streams.arguments import CachePlace
from train.streams.stream_set import Source
from train.studies.floor.baselines import as_cached, layers_of
from train.studies.floor.vectors import all_baselines

FloatArray = npt.NDArray[np.float64]
HEAD = ""  # no model's name


@dataclass(frozen=True)
class Floor:
    """The best simple model, and a head beside it.

    Attributes:
        name: of the model.
        score: that it reaches, the mean over folds.
        head: what the head reaches on the same clips.
        difference: head less floor.
        metric: of the scores.
    """

    name: str
    score: float
    head: float
    difference: Difference
    metric: str

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)

    def text(self) -> str:
        """Return one line that says whether the head is worth its training."""
        interval = self.difference.interval
        gap = typeset(interval_text(interval.estimate, interval.low, interval.high))
        told = f"{gap}, {p_text(self.difference.p_value)}"
        reached = f"floor: {self.name} reaches {self.metric} {score_text(self.score)} on the same clips"
        if not interval.estimate > 0:
            return f"{reached}; THE HEAD IS BELOW IT, {score_text(self.head)}: {told}"
        if interval.low > 0:
            return f"{reached}; the head is above it, {score_text(self.head)}: {told}"
        return f"{reached}; the head is not told apart from it, {score_text(self.head)}: {told}"


class Fitted(NamedTuple):
    """A fit, or that of one fold.

    Attributes:
        labels: of the clips that were trained on, and of those that are reported.
        runs: its finished run; of an ensemble all of them, whose mean counts.
    """

    labels: Splits
    runs: Sequence[Run]

    def says(self, reported: Labels) -> FloatArray:
        """Return the head's predictions (clips, targets) of the clips that are reported."""
        values = []
        for run in self.runs:
            path = verified(run.path / PREDICTIONS_FILE)
            values.append(predictions_in(read_table(path), reported.clip_ids, reported.names, path))
        return np.asarray(np.mean(values, axis=0))


def floor_beside(cache: CachePlace, fits: Sequence[Fitted], progress: Progress) -> Floor | None:
    """Fit every simple model on the clips that a head was trained on, and return the best beside the head.

    The best on the reported clips counts: the floor is rather too high than too low.

    Args:
        cache: folder of the cache; of several streams those by name.
        fits: one, or one for each fold, with predictions for the clips that are reported.
        progress: where to report.

    Returns:
        None where no score is defined.

    Raises:
        LabelError: if labels and cache do not fit together.
    """
    config = fits[0].runs[0].config
    score = METRICS.get(config.metric)
    with opened(cache, config.missing) as reader:
        found = _with_labels(_said(reader, fits, config, progress))

    def reached(name: str) -> float:
        values = np.array([scores_of(score, each.truth.targets, each.values[name]) for each in found])
        return float(mean_over_folds(values).mean())

    scores = {name: reached(name) for name in found[0].values}
    simple = {name: value for name, value in scores.items() if name != HEAD and np.isfinite(value)}
    if not simple or not np.isfinite(scores[HEAD]):
        return None
    best = max(simple, key=lambda name: simple[name])
    ours, theirs = (
        FoldScores.of([each.scored(name) for each in found], config.metric) for name in (HEAD, best)
    )
    return Floor(best, simple[best], scores[HEAD], ours.less(theirs), config.metric)


class _Said(NamedTuple):
    """Labels of the reported clips, and what each model says of them, the head under ``HEAD``."""

    truth: Labels
    values: dict[str, FloatArray]

    def scored(self, name: str) -> Fold:
        """Return what one model says of them, to be scored."""
        return Fold(self.truth.targets, self.values[name], self.truth.speakers)


def _with_labels(found: list[_Said]) -> list[_Said]:
    """Leave out the targets of which no reported clip has a label: there is no score to compare."""
    some = np.flatnonzero(labelled(np.concatenate([each.truth.targets for each in found])))
    return [
        _Said(each.truth.of_targets(some), {name: values[:, some] for name, values in each.values.items()})
        for each in found
    ]


def _said(reader: Source, fits: Sequence[Fitted], config: FitConfig, progress: Progress) -> list[_Said]:
    """Return what the head and every simple model say of each fit's reported clips; columns are computed once."""
    own = FitConfig(
        layer=config.layer,
        streams=layers_of(config),
        missing=config.missing,
        metric=config.metric,
        seed=config.seed,
        select="last",  # every training clip is learned from
        min_coverage=0.0,  # what the cache lacks was accepted before the head was fitted
    )
    own = as_cached(own, reader)
    tasks = [plan_fit(reader, fitted.labels, own) for fitted in fits]
    at = {
        clip: number for number, clip in enumerate(dict.fromkeys(c for task in tasks for c in task.clip_ids))
    }
    found = [_Said(task.valid, {HEAD: each.says(task.valid)}) for each, task in zip(fits, tasks, strict=True)]
    for each in all_baselines(reader, list(at), own, progress):
        progress.update(partial("floor: {}".format, each.name))
        for task, said in zip(tasks, found, strict=True):
            columns = each.columns[[at[clip] for clip in task.clip_ids]]
            said.values[each.name] = each._replace(columns=columns).says(task.train, own)
    return found
