"""Evidence for a score in clips → extract → cache → train → intensities: interval, chance, groups of clips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import factorial
from typing import Any

import numpy as np
import numpy.typing as npt

from cache.common.console import counted
from train.labels.tables import Labels
from train.scores.intervals import RESAMPLES, Interval, assumed_icc, score_interval
from train.scores.metrics import shown
from train.scores.permutation import PERMUTATIONS, permutation_null

FloatArray = npt.NDArray[np.float64]
# Hume-Vidmimic2: 17,246 clips of some 557 people.
CLIPS_PER_SPEAKER = 31.0
ENOUGH_SPEAKERS = 6  # 720 orders


@dataclass(frozen=True)
class Question:
    """What is asked of a score.

    Attributes:
        metric: "pearson", "ccc", "spearman" or "mae"; None takes the run's.
        by: column that divides the clips into groups, or "duration"; None for no groups.
        resamples: draws behind each interval.
        permutations: behind the null; 0 for none.
        icc: part of the variance that clips of one speaker are assumed to share, where speakers are unknown.
        clips_per_speaker: assumed with ``icc``.
    """

    metric: str | None = None
    by: str | None = None
    resamples: int = RESAMPLES
    permutations: int = PERMUTATIONS
    icc: float | None = None
    clips_per_speaker: float = CLIPS_PER_SPEAKER


def evidence(
    labels: Labels, predictions: FloatArray, metric: str, question: Question, groups: Sequence[str] | None
) -> dict[str, Any]:
    """Return what stands behind a score, as JSON values.

    Args:
        labels: of the clips.
        predictions: (seeds, clips, targets).
        metric: if the question names none.
        question: what is asked.
        groups: (clips,) the group of each clip, if any are asked for.

    Returns:
        ``metric``; ``interval`` of the mean over emotions and ``per_target``, with captions; ``null``,
        ``assumed_icc`` and ``groups`` where asked for.
    """
    metric, truth, speakers = question.metric or metric, labels.targets, labels.speakers
    draws = question.resamples
    whole = score_interval(truth, predictions, metric, speakers, draws)
    each = {
        name: score_interval(truth[:, [k]], predictions[:, :, [k]], metric, speakers, draws)
        for k, name in enumerate(labels.names)
    }
    found: dict[str, Any] = {
        "metric": metric,
        "interval": described(whole),
        "per_target": {name: described(interval) for name, interval in each.items()},
    }
    if question.permutations:
        null = permutation_null(truth, predictions, metric, speakers, question.permutations)
        found["null"] = asdict(null)
    if question.icc is not None and whole.by == "clip" and metric != "mae":
        factor = assumed_icc(question.icc, question.clips_per_speaker)
        wide = whole.widened(factor)
        found["assumed_icc"] = {
            "icc": question.icc,
            "clips_per_speaker": question.clips_per_speaker,
            "factor": factor,
            "low": wide.low,
            "high": wide.high,
        }
    if groups is not None:
        found["groups"] = [
            _group(labels, predictions, metric, name, groups, draws) for name in sorted(set(groups))
        ]
    return found


def described(interval: Interval) -> dict[str, Any]:
    """Return an interval with its caption and why it has no ends, as JSON values."""
    return {**asdict(interval), "caption": interval.caption, "why_none": interval.why_none}


def evidence_text(found: Mapping[str, Any]) -> str:
    """Return the evidence as people read it."""
    interval = found["interval"]
    lines = [f"mean {found['metric']} {shown_interval(interval)}", f"  {interval['caption']}"]
    if "assumed_icc" in found:
        wide = found["assumed_icc"]
        lines.append(
            f"  with an intra-class correlation of {wide['icc']:g} and {wide['clips_per_speaker']:g} clips per "
            f"speaker it would be {wide['factor']:.2f} times as wide: "
            f"[{shown(wide['low'])}, {shown(wide['high'])}]"
        )
    if "null" in found:
        null = found["null"]
        lines.append(
            f"chance alone: {shown(null['mean'])}, 95th percentile {shown(null['upper'])}, "
            f"{shown_p(null['p_value'])} ({null['permutations']} permutations of {null['by']}s)"
            f"{few_orders(interval['clusters'], null['by'])}"
        )
    if "groups" in found:
        lines += ["", _groups_text(found["groups"])]
    return "\n".join(lines)


def shown_interval(interval: Mapping[str, Any]) -> str:
    """Return an estimate and its interval as people read them."""
    if interval["estimate"] is None or np.isnan(interval["estimate"]):
        return shown(None)
    if interval["low"] is None or np.isnan(interval["low"]):
        return f"{shown(interval['estimate'])} [no interval]"
    return f"{shown(interval['estimate'])} [{shown(interval['low'])}, {shown(interval['high'])}]"


def orders_of(clusters: int) -> int:
    """Return in how many orders speakers (or clips) can swap their predictions; many are not counted."""
    return factorial(min(clusters, ENOUGH_SPEAKERS + 1))


def few_orders(clusters: int, by: str) -> str:
    """Warn where there are so few orders that the true one is often among the draws."""
    if clusters > ENOUGH_SPEAKERS:
        return ""
    orders = orders_of(clusters)
    few = f"{counted(clusters, by)} in {counted(orders, 'order')}"
    return f"; warning: only {few}, p cannot be below {1 / orders:.2g}"


def shown_p(value: float | None) -> str:
    """Return a p-value as people read it."""
    if value is None or np.isnan(value):
        return "p undefined"
    return f"p = {value:.3f}" if value >= 0.001 else "p < 0.001"


def _group(
    labels: Labels, predictions: FloatArray, metric: str, name: str, groups: Sequence[str], draws: int
) -> dict[str, Any]:
    where = np.flatnonzero(np.array(groups) == name)
    part = labels.take(where.tolist())
    interval = score_interval(part.targets, predictions[:, where], metric, part.speakers, draws)
    people = len({who for who in part.speakers if who is not None})
    return {"group": name, "clips": len(part), "speakers": people or None, **described(interval)}


def _groups_text(groups: Sequence[Mapping[str, Any]]) -> str:
    width = max(len("group"), *(len(group["group"]) for group in groups))
    lines = [f"{'group':<{width}}  {'clips':>6}  {'speakers':>8}  score"]
    for group in groups:
        people = "unknown" if group["speakers"] is None else group["speakers"]
        warned = f"  {'; '.join(group['warnings'])}" if group["warnings"] else ""
        score = shown_interval(group)
        lines.append(f"{group['group']:<{width}}  {group['clips']:>6}  {people:>8}  {score}{warned}")
    lines += [f"[no interval]: {why}" for why in dict.fromkeys(group["why_none"] for group in groups) if why]
    lines.append("a score within a group is not comparable with one over all: the labels vary less there")
    return "\n".join(lines)
