"""The curve of a fit so far in a line of text, for a terminal: scores of its epochs, else their losses."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from cache.common.progress import Progress
from train.fitting.checkpoint import Training
from train.fitting.task import Task
from train.scores.wording import score_text

BLOCKS, PLAIN = "▁▂▃▄▅▆▇█", "_.:-=+*#"  # low to high; the second for terminals that have only ASCII
WIDEST, NARROWEST = 30, 8  # signs


def sparkline(values: Sequence[float], width: int = WIDEST, signs: str = BLOCKS) -> str:
    """Return numbers as signs from low to high, one for each; of more than ``width`` one for the mean of several.

    Args:
        values: any; one that is not finite is a blank.
        width: signs at most.
        signs: from low to high.
    """
    parts = np.array_split(np.asarray(values, dtype=np.float64), min(width, max(1, len(values))))
    means = [float(part[np.isfinite(part)].mean()) if np.isfinite(part).any() else math.nan for part in parts]
    known = [mean for mean in means if math.isfinite(mean)]
    low, high = (min(known), max(known)) if known else (0.0, 0.0)
    steps = (high - low) / (len(signs) - 1)
    return "".join(
        " " if math.isnan(mean) else signs[round((mean - low) / steps) if steps > 0 else 0] for mean in means
    )


def signs_for(progress: Progress) -> str:
    """Return the signs that a terminal shows; none where what is said goes to a file."""
    if not progress.is_live:
        return ""
    return BLOCKS if progress.shows(BLOCKS) else PLAIN


def with_curve(text: Callable[[], str], training: Training, task: Task, progress: Progress) -> str:
    """Return a line with the curve so far at its end, where the terminal has room for it."""
    line = text()
    signs, room = signs_for(progress), min(WIDEST, progress.columns - len(line) - 3)
    if not signs or room < NARROWEST or len(training.history) < 2:
        return line
    return f"{line}  {sparkline(_values(training, task), room, signs)}"


def curve_line(training: Training, task: Task, progress: Progress) -> str:
    """Return the whole curve of a pass with its ends, to be said once it is over; nothing where nobody looks."""
    signs, values = signs_for(progress), _values(training, task)
    known = [value for value in values if math.isfinite(value)]
    if not signs or len(known) < 2:
        return ""
    what = f"{task.config.select} {task.config.metric}" if _is_scored(training, task) else "loss"
    curve = sparkline(values, signs=signs)
    return f"{what} {score_text(known[0])} {curve} {score_text(known[-1])}"


def _is_scored(training: Training, task: Task) -> bool:
    return bool(len(task.chooser)) and any(math.isfinite(row.score) for row in training.history)


def _values(training: Training, task: Task) -> list[float]:
    scored = _is_scored(training, task)
    return [row.score if scored else row.loss for row in training.history]
