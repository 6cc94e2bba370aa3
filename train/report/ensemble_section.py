"""The score of an ensemble: that of its heads' mean prediction, beside those of its heads one by one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from cache.common.words import counted, in_markdown
from train.report.run_study import ONE_HEAD
from train.report.styles import markdown_table
from train.report.table import interval_cell
from train.scores.intervals import paired_difference, score_interval
from train.scores.registry import METRICS
from train.scores.targets import mean_score, metrics_of
from train.scores.wording import interval_caption, metric_sign, p_text, score_text, typeset
from train.studies.study import Study

TOGETHER = "mean prediction of all heads"
FloatArray = npt.NDArray[np.float64]


def together(study: Study) -> FloatArray:
    """Return the mean prediction (1, clips, targets) of an ensemble's heads: what ``predict`` gives."""
    return np.asarray(study.predictions(study.rows[0]).mean(0, keepdims=True))


def ensemble_section(study: Study) -> list[str]:
    """Return an ensemble's own score with its interval, those of its heads, and the difference.

    Args:
        study: the ensemble as one row, whose runs are its heads.
    """
    heads, mean = study.predictions(study.rows[0]), together(study)
    sign, others = (
        metric_sign(study.metric),
        [name for name in metrics_of(study.truth) if name != study.metric],
    )
    members = [(Path(run).name, head[None]) for run, head in zip(study.rows[0].runs, heads, strict=True)]
    named = [(TOGETHER, mean), *members, (ONE_HEAD, heads)]
    rows = [
        [
            name,
            interval_cell(score_interval(study.truth, values, study.metric, study.speakers)),
            *(_mean_score(study, values, metric) for metric in others),
        ]
        for name, values in named
    ]
    whole = score_interval(study.truth, mean, study.metric, study.speakers)
    gain = paired_difference(study.truth, mean, heads, study.metric, study.speakers)
    each = [
        score_interval(study.truth, mean, study.metric, study.speakers, k) for k in range(len(study.names))
    ]
    return [
        "## Ensemble",
        f"{counted(len(heads), 'head')}; together they predict the mean of their predictions, whose score is the "
        "ensemble's.",
        markdown_table(["", f"{sign} [95 %]", *map(metric_sign, others)], rows),
        f"{in_markdown(interval_caption(whole, 'ensemble'))}.",
        f"Ensemble minus one of its heads, Δ {sign}: {interval_cell(gain.interval)}, {p_text(gain.p_value)}.",
        markdown_table(["", *study.names], [[TOGETHER, *map(interval_cell, each)]]),
    ]


def _mean_score(study: Study, values: FloatArray, metric: str) -> str:
    scores = [mean_score(METRICS.get(metric), study.truth, one) for one in values]
    return typeset(score_text(float(np.mean(scores))))
