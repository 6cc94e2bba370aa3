"""Results as people read them in a terminal: of a fit, an evaluation, an ensemble, folds, fidelity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cache.common.words import counted
from train.labels.missing import without_score
from train.scores.permutation import has_few_orders, orders_of
from train.scores.wording import (
    WITHIN_GROUPS,
    aligned,
    few_orders_warning,
    interval_caption,
    interval_text,
    p_text,
    score_text,
    typeset,
    unlearned_lines,
)
from train.studies.ensemble import Ensemble
from train.studies.fidelity import COMPACT, FULL, Fidelity

UNKNOWN_CLIPS = "warning: the run does not say which clips shaped this head (no clips.csv, as in a bundle)"


def results_text(metrics: Mapping[str, Any], names: Sequence[str]) -> str:
    """Return the results of a fit: the sentence and the table of scores.

    Args:
        metrics: content of ``metrics.json``.
        names: of the targets.
    """
    if metrics["valid"] is None:
        return str(metrics["statement"])
    clips = metrics["clips"]["valid"]
    note = ", selected on valid" if metrics["selected_on"] == "valid" else ""
    metric, interval = metrics["metric"], metrics["interval"]
    text = f"{metrics['statement']}\n\nscores on {counted(clips, 'validation clip')}{note}\n"
    text += score_table(metrics["valid"], names, metric)
    missing = metrics.get("missing_labels", {}).get("valid", {}).get("missing", {})
    if lacking := without_score(missing, clips, len(names)):
        text += f"\n{lacking}"
    if interval is not None:
        text += f"\n\nmean {metric} {_interval(interval)}\n  {interval['caption']}"
    return text


def evaluation_text(result: Mapping[str, Any], names: Sequence[str]) -> str:
    """Return the results of an evaluation.

    Args:
        result: of ``evaluate``.
        names: of the targets.
    """
    cached, labelled = (result["coverage"][name] for name in ("cached", "labelled"))
    lines = [f"scores on {counted(result['clips'], 'clip')} ({cached} of {labelled} labelled are cached)"]
    if result["selected_on"] == "valid":
        lines[0] += "; the run's epoch was selected on valid"
    if result["trained_on"]:
        lines.append(
            f"warning: {result['trained_on']} of these clips shaped this head: its scores are too high"
        )
    if result["trained_on"] is None:
        lines.append(UNKNOWN_CLIPS)
    if result["recipe_diff"]:
        lines.append("warning: the cache's recipe differs (trained -> found):")
        lines += [f"  {line}" for line in result["recipe_diff"]]
    lines += unlearned_lines(result.get("unlearned", {}))
    if lacking := without_score(result.get("missing_labels", {}), result["clips"], len(names)):
        lines.append(lacking)
    first = result["metric"]
    unclipped, clipped = (score_table(result[key], names, first) for key in ("scores", "scores_clipped"))
    clipping = "clipped to the range of the training labels"
    return "\n".join([*lines, "", unclipped, "", evidence_text(result), "", clipping, clipped])


def ensemble_text(ensemble: Ensemble) -> str:
    """Return the results of an ensemble: its seeds' scores, and those of their mean prediction."""
    seeds = ensemble.seeds
    text = f"{len(seeds)} heads, seeds {seeds[0]} to {seeds[-1]}"
    if ensemble.valid is None:
        return text
    alone = ", ".join(score_text(score) for score in ensemble.alone)
    table = score_table(ensemble.valid, ensemble.targets, ensemble.metric)
    return f"{text}; alone: {alone} ({ensemble.metric})\n\nscores of their mean prediction\n{table}"


def folds_text(result: Mapping[str, Any]) -> str:
    """Return the results of a cross-validation, from the content of ``folds.json``."""
    metric = result["metric"]
    lines = [f"{result['folds']} folds, divided {result['divided']}", ""]
    if "heads" in result:
        lines[0] += f"; each fold's prediction is the mean of {result['heads']} heads"
    rows = []
    for fold in result["runs"]:
        people = "" if fold["speakers"] is None else f" of {counted(fold['speakers'], 'speaker')}"
        clips = f"{counted(fold['clips'], 'clip')}{people}"
        rows.append([fold["run"], fold["name"], score_text(fold["score"]), clips])
    lines += [*aligned(rows, right=[False, False, True]), "", "means over the folds"]
    lines += [score_table(result["scores"], list(result["per_target"]), metric), ""]
    lines += [f"mean {metric} over the folds {_interval(result['mean'])}", f"  {result['mean']['caption']}"]
    lines += aligned(
        [_fold_target(name, each, result["folds"]) for name, each in result["per_target"].items()]
    )
    lines.append("")
    lines.append(f"pooled {score_text(result['pooled']['score'])}: {result['pooled']['note']}")
    return "\n".join(lines)


def _fold_target(name: str, interval: Mapping[str, Any], folds: int) -> list[str]:
    """Return the cells of a target's mean over the folds: its interval, and why one is missing."""
    some = "" if interval["folds"] == folds else f"defined in {interval['folds']} of {folds} folds"
    why = "; ".join(filter(None, (some, interval["why_none"])))
    return [f"  {name}", _interval(interval), why]


def fidelity_text(fidelity: Fidelity) -> str:
    """Return what a compact cache costs."""
    pairs = ((FULL, fidelity.full), (COMPACT, fidelity.compact))
    scores = "   ".join(f"{name:<8} {fidelity.metric} {score_text(each.estimate)}" for name, each in pairs)
    interval = fidelity.difference.interval
    difference = typeset(interval_text(interval.estimate, interval.low, interval.high))
    return (
        f"{scores}\ndifference (compact − full)  {difference}, p {score_text(fidelity.difference.p_value)}\n\n"
        f"{fidelity.caption} {interval_caption(interval)}"
    )


def score_table(scores: Mapping[str, Any], names: Sequence[str], first: str = "pearson") -> str:
    """Return the scores of ``score_all`` as an aligned table, the metric that counts first.

    Rows are the mean, then each emotion.
    """
    metrics = [first, *(name for name in scores if name != first)]
    rows = [["", *(f"  {metric:>9}" for metric in metrics)]]
    rows.append(["mean", *(score_text(scores[metric]["mean"]) for metric in metrics)])
    for name in names:
        rows.append([name, *(score_text(scores[metric]["per_target"][name]) for metric in metrics)])
    return "\n".join(aligned(rows, right=[False, *(True for _ in metrics)], gap=""))


def evidence_text(values: Mapping[str, Any]) -> str:
    """Return what stands behind a score.

    Args:
        values: of ``evidence``.
    """
    interval = values["interval"]
    lines = [f"mean {values['metric']} {_interval(interval)}", f"  {interval['caption']}"]
    if "assumed_icc" in values:
        wide = values["assumed_icc"]
        lines.append(
            f"  with an intra-class correlation of {wide['icc']:g} and {wide['clips_per_speaker']:g} clips per "
            f"speaker it would be {wide['factor']:.2f} times as wide: "
            f"[{score_text(wide['low'])}, {score_text(wide['high'])}]"
        )
    if "null" in values:
        null = values["null"]
        lines.append(
            f"chance alone: {score_text(null['mean'])}, 95th percentile {score_text(null['upper'])}, "
            f"{p_text(null['p_value'])} ({null['permutations']} permutations of {null['by']}s)"
            f"{few_orders(interval['clusters'], null['by'])}"
        )
    if "groups" in values:
        lines += ["", _groups_text(values["groups"])]
    return "\n".join(lines)


def few_orders(clusters: int, by: str) -> str:
    """Return a warning where speakers (or clips) can swap their predictions in few orders; else nothing."""
    return few_orders_warning(clusters, by, orders_of(clusters)) if has_few_orders(clusters) else ""


def _interval(values: Mapping[str, Any]) -> str:
    return interval_text(values["estimate"], values["low"], values["high"])


def _groups_text(groups: Sequence[Mapping[str, Any]]) -> str:
    rows = [["group", " clips", "speakers", "score"]]
    for group in groups:
        people = "unknown" if group["speakers"] is None else str(group["speakers"])
        score = "  ".join([_interval(group), *(["; ".join(group["warnings"])] if group["warnings"] else [])])
        rows.append([group["group"], str(group["clips"]), people, score])
    lines = aligned(rows, right=[False, True, True])
    lines += [f"[no interval]: {why}" for why in dict.fromkeys(group["why_none"] for group in groups) if why]
    return "\n".join([*lines, WITHIN_GROUPS])
