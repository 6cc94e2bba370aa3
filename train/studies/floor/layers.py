"""A probe for each cached encoder layer: ridge on the layer's global mean, which says where the information lies.

All layers are scored on the same clips, and compared with the best of them there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cache import CacheReader
from cache.common.progress import Progress
from cache.common.words import counted
from cache.format.schema import HIDDEN_STATES
from train.config import WEIGHTED, FitConfig
from train.errors import LabelError
from train.features.inputs import choose_inputs
from train.fitting.task import Task, plan_fit
from train.labels.missing import labelled
from train.scores.estimates import Difference, Interval
from train.scores.folds import Fold, FoldScores
from train.scores.holm import holm
from train.scores.wording import (
    NOTHING,
    aligned,
    interval_caption,
    interval_text,
    metric_sign,
    p_cell,
    typeset,
)
from train.studies.floor.columns import means
from train.studies.floor.models import predicted
from train.studies.grid import Row
from train.studies.parts import Parts

FloatArray = npt.NDArray[np.float64]
PROBE = "ridge"


@dataclass(frozen=True)
class LayerRow:
    """What a layer's probe reaches.

    Attributes:
        layer: its number.
        score: mean over targets, with its interval over speakers.
        difference: of this layer less the best, on the same clips; None for the best.
        p_value: of the difference, corrected by Holm for the number of layers; NaN for the best.
    """

    layer: int
    score: Interval
    difference: Difference | None
    p_value: float


@dataclass(frozen=True)
class LayerTable:
    """The probes of all layers of a cache.

    Attributes:
        rows: layer by layer.
        metric: of the scores.
        best: the layer with the highest score.
        clips: how many are reported on.
        divided: how clips were divided into folds; empty for a plain split.
    """

    rows: tuple[LayerRow, ...]
    metric: str
    best: int
    clips: int
    divided: str

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {"probe": PROBE, **asdict(self)}

    def text(self) -> str:
        """Return a table, a line a layer, with what it is of above it and what its intervals are below."""
        folds = f", folds divided {self.divided}" if self.divided else ""
        title = f"{PROBE} on each layer's global mean, {counted(self.clips, 'validation clip')}{folds}"
        header = ["layer", f"{metric_sign(self.metric)} [95 %]", "Δ to the best [95 %]", "p"]
        lines = aligned([header, *map(self._cells, self.rows)], right=(True,))
        best = next(row for row in self.rows if row.layer == self.best)
        return "\n".join(
            [
                title,
                *lines,
                f"  {interval_caption(best.score)}",
                f"  p by Holm over {counted(len(self.rows) - 1, 'difference')}; the best was found on these clips, "
                "so it is a little too good",
            ]
        )

    def _cells(self, row: LayerRow) -> list[str]:
        score = interval_text(row.score.estimate, row.score.low, row.score.high)
        if row.difference is None:
            return [str(row.layer), typeset(score), "best", NOTHING]
        gap = row.difference.interval
        told = interval_text(gap.estimate, gap.low, gap.high)
        return [str(row.layer), typeset(score), typeset(told), p_cell(row.p_value)]


def probe_layers(cache: Path, parts: Parts, config: FitConfig, progress: Progress) -> LayerTable:
    """Fit a probe on every layer of a cache, as strong as inner folds of the training clips choose.

    Args:
        cache: folder of the cache.
        parts: a split or folds.
        config: its metric, seed and coverage count; the rest does not matter here.
        progress: where to report.

    Raises:
        ConfigError: if the cache has not at least two layers of one width.
        LabelError: if labels and cache do not fit together, or no score is defined.
    """
    # Every training clip is learned from: nothing is set aside for an epoch.
    own = replace(config, layer=None, vad=False, select="last")
    with CacheReader(cache) as reader:
        layers = choose_inputs(reader, WEIGHTED, vad=False).layers
        tasks = [plan_fit(reader, part.labels, own) for part in parts.all]
        found = {}
        for layer in layers:
            progress.update(partial("layer {} of {}".format, layer, layers[-1]))
            found[layer] = FoldScores.of(_folds(reader, layer, tasks, own), own.metric)
    scores = {layer: each.interval() for layer, each in found.items()}
    defined = [layer for layer in layers if np.isfinite(scores[layer].estimate)]
    if not defined:
        raise LabelError(f"{cache}: {own.metric} is defined for no layer: labels or predictions are constant")
    best = max(defined, key=lambda layer: scores[layer].estimate)
    gaps = {layer: None if layer == best else found[layer].less(found[best]) for layer in layers}
    p_values = holm([np.nan if gap is None else gap.p_value for gap in gaps.values()])
    rows = tuple(
        LayerRow(layer, scores[layer], gaps[layer], float(p))
        for layer, p in zip(layers, p_values, strict=True)
    )
    return LayerTable(rows, own.metric, best, sum(len(task.valid) for task in tasks), parts.divided)


def head_rows(table: LayerTable, config: FitConfig, cache: str) -> list[Row]:
    """Return a row of a head for each layer; that of the best probe is first: the others are compared with it.

    Args:
        table: of the probes.
        config: of the heads.
        cache: name of the cache.
    """
    rows = sorted(table.rows, key=lambda row: row.layer != table.best)
    return [Row(f"layer {row.layer}", replace(config, layer=row.layer), cache) for row in rows]


def _folds(reader: CacheReader, layer: int, tasks: Sequence[Task], config: FitConfig) -> list[Fold]:
    """Return what a layer's probe says of each fold's clips, targets of which some clip has a label."""
    some = labelled(np.concatenate([task.valid.targets for task in tasks]))
    folds = []
    for task in tasks:
        columns = means(reader, task.clip_ids, [f"{HIDDEN_STATES}{layer}"])
        said = predicted(columns, PROBE, task.train, config)
        folds.append(Fold(task.valid.targets[:, some], said[:, some], task.valid.speakers))
    return folds
