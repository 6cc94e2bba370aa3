"""What heads weigh: layers, streams or whatever a run says of itself, as tables of its weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from train.files import METRICS_FILE
from train.report.styles import markdown_table
from train.runs.run_folder import read_metrics
from train.scores.wording import NOTHING, score_text, typeset

TITLE = "## Weights"
ENDING = "_weights"  # of the fields of metrics.json that hold some
ALONE = "weight"  # column of a weight that has no name of its own


def weights_sections(rows: Mapping[str, Sequence[Path]]) -> list[str]:
    """Return a table for each kind of weights that runs say of themselves, means over a row's runs; or nothing.

    A kind is a field of ``metrics.json``: {what is weighed: its weight}, such as ``layer_weights``, or such for
    each of several names, as ``stream_weights`` has them for targets.

    Args:
        rows: the folders of the runs of each row.
    """
    found = {name: [read_metrics(run / METRICS_FILE) for run in runs] for name, runs in rows.items()}
    kinds = dict.fromkeys(
        field for each in found.values() for metrics in each for field in metrics if field.endswith(ENDING)
    )
    parts = []
    for kind in kinds:
        lines = {
            (row, name): weights
            for row, each in found.items()
            for name, weights in _means([_by_name(metrics.get(kind)) for metrics in each]).items()
        }
        if lines:
            what = kind.removesuffix(ENDING).replace("_", " ")
            parts += [f"{what.capitalize()} weights, mean over a row's runs:", _table(lines)]
    return [TITLE, *parts] if parts else []


def _by_name(value: Any) -> dict[str, dict[str, float]]:
    """Return weights by the name of what has them and of what is weighed; what is no weight is left out."""
    if not isinstance(value, dict):
        return {}
    if value and all(isinstance(each, int | float) and not isinstance(each, bool) for each in value.values()):
        return {"": _weights(value)}
    return {str(name): known for name, each in value.items() if (known := _weights(each))}


def _weights(each: Any) -> dict[str, float]:
    if isinstance(each, list):
        each = dict(enumerate(each))
    elif not isinstance(each, dict):
        each = {ALONE: each}
    return {
        str(name): float(value)
        for name, value in each.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def _means(runs: Sequence[Mapping[str, Mapping[str, float]]]) -> dict[str, dict[str, float]]:
    """Return the mean of each weight over the runs that have it."""
    found: dict[str, dict[str, list[float]]] = {}
    for run in runs:
        for name, weights in run.items():
            for what, value in weights.items():
                found.setdefault(name, {}).setdefault(what, []).append(value)
    return {
        name: {what: float(np.mean(values)) for what, values in weights.items()}
        for name, weights in found.items()
    }


def _table(lines: Mapping[tuple[str, str], Mapping[str, float]]) -> str:
    columns = list(dict.fromkeys(what for weights in lines.values() for what in weights))
    is_named = any(name for _, name in lines)
    several = len({row for row, _ in lines}) > 1 or not is_named
    rows = [
        [
            *([row] if several else []),
            *([name] if is_named else []),
            *(typeset(score_text(weights[what])) if what in weights else NOTHING for what in columns),
        ]
        for (row, name), weights in lines.items()
    ]
    return markdown_table([*([""] if several else []), *(["of"] if is_named else []), *columns], rows)
