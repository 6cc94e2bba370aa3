"""Scores of a finished head on labelled clips, with how far to believe them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from cache.common.ids import KnownIds
from train.errors import LabelError
from train.labels.annotators import EITHER
from train.labels.classes import require_known_classes, require_one_hot
from train.labels.columns import IS, specs_of
from train.labels.coverage import cached, check_coverage, coverage, opened
from train.labels.missing import missing_counts
from train.labels.tables import SHOWN_COLUMNS, Labels, listed, require_speakers
from train.runs.predict import predict, require_streams
from train.runs.run_folder import Run
from train.scores.metrics import score_all
from train.scores.registry import traits_of
from train.streams.stream_set import Caches, Source

if TYPE_CHECKING:
    from train.scores.evidence import EvidenceOptions


def evaluate(
    run: Run,
    cache: Caches,
    labels: Labels,
    *,
    min_coverage: float = 0.95,
    allow_recipe_diff: bool = False,
    device: str = "auto",
    options: EvidenceOptions | None = None,
    speakers: Mapping[str, str | None] | None = None,
) -> dict[str, Any]:
    """Score a head on labelled clips.

    Args:
        run: a finished run.
        cache: as ``predict`` takes it.
        labels: of the clips to score, of all targets of the head or some; clips that the cache does not hold are
            counted.
        min_coverage: least share of the labelled clips that the cache must hold.
        allow_recipe_diff: go on when the cache's recipe differs, and record how.
        device: "auto", "cpu", "cuda" or "cuda:N".
        options: which intervals, null and groups; default: those of the run's metric, no groups.
        speakers: clip id → speaker of more clips, labelled or not, for a head with ``standardise="speaker"``.

    Returns:
        ``scores`` unclipped and ``scores_clipped`` to the training labels' range, what ``evidence`` gives
        for the unclipped ones, ``clips``, ``coverage``, ``trained_on`` (how many of the clips shaped this
        head; None if its run, an unpacked bundle, does not know), ``selected_on``, ``recipe_diff``,
        ``missing_labels`` by target and ``unlearned`` as ``Predictions`` has it, where there are any.

    Raises:
        LabelError: if the targets are not the head's, or too few clips are in the cache, or speakers
            are known of some of them only.
        RunError: if the cache's recipe differs from the one the head was trained on.
    """
    from train.scores.evidence import EvidenceOptions, evidence  # with scipy, which a fit does not wait for

    options = options or EvidenceOptions()
    at = _targets_to_score(run, labels, options.metric or run.config.metric)
    with opened(cache, run.config.missing) as reader:
        require_streams(run, reader)
        clips = _clips_to_score(reader, labels, min_coverage, options.by)
        kept, diff = clips.labels, allow_recipe_diff
        known = {**(speakers or {}), **{clip: who for clip, who in kept.by_clip.items() if who is not None}}
        found = predict(run, reader, kept.clip_ids, allow_recipe_diff=diff, device=device, speakers=known)
    values, within = found.values[:, at], run.targets.clipped(found.values)[:, at]
    shaped, missing = run.trained_on(), missing_counts(kept.targets, kept.names)
    trained_on = KnownIds(shaped or ())
    return {
        **evidence(kept, values[None], run.config.metric, options, clips.groups),
        "scores": score_all(kept.targets, values, kept.names),
        "scores_clipped": score_all(kept.targets, within, kept.names),
        "clips": len(kept),
        "coverage": clips.coverage,
        "trained_on": None if shaped is None else sum(map(bool, map(trained_on.find, kept.clip_ids))),
        "selected_on": run.metrics["selected_on"],
        "recipe_diff": list(found.recipe_diff),
        **({"missing_labels": missing} if missing else {}),
        **({"unlearned": dict(found.unlearned)} if found.unlearned else {}),
    }


class _Clips(NamedTuple):
    """The labelled clips that the cache holds, how many those are, and the group of each."""

    labels: Labels
    coverage: dict[str, Any]
    groups: Sequence[str] | None


def _clips_to_score(reader: Source, labels: Labels, least: float, by: str | None) -> _Clips:
    from train.scores.groups import group_of_clips

    covered = coverage(labels, reader)
    check_coverage(covered, labels, reader, least)
    kept = cached(labels, reader)
    require_speakers(kept)
    return _Clips(kept, covered, group_of_clips(kept, reader, by) if by else None)


def chosen_targets(run: Run, names: Sequence[str] | None) -> list[str]:
    """Return how to ask a table for those of a run's targets that a user names, in the run's order; None: for all.

    The name of a column of classes is that of each of its classes; ``NAME=COLUMN|COLUMN`` says which columns
    annotators have.

    Raises:
        LabelError: if a name is none of them.
    """
    if names is None:
        return list(run.targets.names)
    own = {name: {name, name.partition(IS)[0]} for name in run.targets.names}
    asked = list(names)
    names = [name.partition(IS)[0].strip() if EITHER in name.partition(IS)[2] else name for name in names]
    unknown = [name for name in names if not any(name in each for each in own.values())]
    if unknown:
        raise LabelError(
            f"{run.path}: has no target {unknown[0]!r}, found {listed(run.targets.names, SHOWN_COLUMNS)}; name "
            "some of these with --targets"
        )
    return specs_of([name for name, each in own.items() if each & set(names)], asked)


def _targets_to_score(run: Run, labels: Labels, metric: str) -> list[int]:
    """Return which of the run's targets the labels are of.

    Raises:
        LabelError: if they are of another one, or no classes where the metric needs them.
    """
    at = {name: position for position, name in enumerate(run.targets.names)}
    if not set(labels.names) <= set(at):
        raise LabelError(
            f"{labels.path}: its targets are {', '.join(labels.names)}, the run's are "
            f"{', '.join(run.targets.names)}; name them with --targets"
        )
    which = [at[name] for name in labels.names]
    require_known_classes(labels, run.targets.mean[which])
    if traits_of(metric).of_classes:
        require_one_hot(labels, f"metric {metric}")
    return which
