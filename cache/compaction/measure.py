"""What the laptop cache costs: what its frames lose, and a ridge probe on both caches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cache.common.errors import TableError
from cache.common.ids import KnownIds
from cache.common.progress import OnProgress, silent
from cache.common.table_text.label_columns import is_numbering
from cache.common.table_text.numbers import is_missing
from cache.common.tables import Table
from cache.common.types import Array
from cache.common.words import counted
from cache.compaction.losses import Loss, as_lines, draw, measure_losses
from cache.compaction.projection import BLOCK_FRAMES, Projection, pool_frames
from cache.format import schema
from cache.reader import CacheReader

MAX_CLIPS = 1000  # a sample: their pooled frames stay in memory, 300 MB at 1024 channels and pool 5
FEWEST = 10  # clips of a probe
PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # of the mean variance of a channel
VAD_TARGETS = schema.CLIPS + "vad"


@dataclass(frozen=True)
class Probe:
    """Mean Pearson correlation over targets of a ridge regression on held-out clips.

    Attributes:
        features: ``global means`` or ``pooled frames``.
        full: on the full cache's features.
        compact: on the compact cache's.
        clips: held out.
    """

    features: str
    full: float
    compact: float
    clips: int


@dataclass(frozen=True)
class Fidelity:
    """What a compact cache keeps of its source.

    Attributes:
        losses: what each frame field loses, on clips that the axes were fitted on and on others apart.
        explained: field → share of the variance that the kept axes hold.
        targets: what the probe predicts.
        probes: its correlations; empty when there is nothing to predict.
        clips: in the sample of the probe.
    """

    losses: tuple[Loss, ...]
    explained: dict[str, float]
    targets: tuple[str, ...]
    probes: tuple[Probe, ...]
    clips: int


def measure(
    source: Path | str,
    compact: Path | str,
    labels: Table | None = None,
    on_progress: OnProgress = silent,
    *,
    targets: Sequence[str] | None = None,
) -> Fidelity:
    """Compare a compact cache with its source on a sample of clips, the same whenever it is asked.

    Args:
        source: the full cache.
        compact: made from it.
        labels: its numeric target columns are what the probe predicts; without, the clip-level vad.
        on_progress: called with clips done and in all.
        targets: names of those columns; None for all of them.

    Raises:
        TableError: a target that was named is no column of numbers.
    """
    projection = Projection.load(compact)
    with CacheReader(source) as full, CacheReader(compact) as small:
        names, values = _targets(full, small, labels, targets)
        ids = sorted(values or [i for i in small.clip_ids if i in full], key=draw)[:MAX_CLIPS]
        fields = list(small.frame_fields)
        pooled: list[Array] = []
        kept: list[Array] = []
        for done, clip_id in enumerate(ids):
            rows = {name: pool_frames(full.read_frames(clip_id, name), projection.pool) for name in fields}
            stored = {name: small.read_values(clip_id, name) for name in fields}
            pooled.append(np.concatenate([rows[name] for name in fields], axis=1))
            kept.append(np.concatenate([stored[name] for name in fields], axis=1))
            on_progress(done + 1, len(ids))
        means = [_means(reader, fields, ids) for reader in (full, small)]
        losses = measure_losses(full, small, projection)
    truth = np.array([values[clip_id] for clip_id in ids]) if values else np.empty((len(ids), 0))
    probes: tuple[Probe, ...] = ()
    if values and len(ids) >= FEWEST:
        on_means = _probe(
            "global means", [row[None] for row in means[0]], [row[None] for row in means[1]], truth
        )
        probes = (on_means, _probe("pooled frames", pooled, kept, truth))
    return Fidelity(
        losses,
        {name: axes.explained for name, axes in projection.axes.items()},
        names,
        probes,
        len(ids),
    )


def _targets(
    full: CacheReader, small: CacheReader, labels: Table | None, named: Sequence[str] | None
) -> tuple[tuple[str, ...], dict[str, Array]]:
    """Return the names of the probe's targets, and their values for clips that both caches hold."""
    both = [clip_id for clip_id in small.clip_ids if clip_id in full]
    if labels is not None:
        columns = list(named) if named else _target_columns(labels)
        require_numbers(labels, columns)
        if columns:
            known = KnownIds(both)
            found = {
                clip_id: np.array([_label(row[column]) for column in columns])
                for text, row in zip(labels.written_ids(), labels.rows, strict=True)
                if (clip_id := known.find(text)) is not None
            }
            return tuple(columns), {clip: each for clip, each in found.items() if np.isfinite(each).any()}
    if VAD_TARGETS in full.records[0].datasets:
        return schema.VAD_DIMS, dict(zip(both, full.clip_table(VAD_TARGETS, both), strict=True))
    return (), {}


def require_numbers(labels: Table, targets: Sequence[str]) -> None:
    """Refuse targets that are no columns of numbers.

    Raises:
        TableError: there is no such column, or it holds something else.
    """
    for name in targets:
        if name not in labels.columns:
            raise TableError(f"{labels.path}: no column {name!r} to probe, found {', '.join(labels.columns)}")
        if not _is_numeric(labels, name):
            raise TableError(
                f"{labels.path}: column {name!r} is to be probed and holds other than numbers; name another one "
                "with --targets"
            )


def _target_columns(labels: Table) -> list[str]:
    rows = range(len(labels.rows))
    return [
        column
        for column in labels.columns
        if not labels.is_known(column)
        and _is_numeric(labels, column)
        and not is_numbering(labels, rows, column)
    ]


def _is_numeric(labels: Table, column: str) -> bool:
    """Whether a column holds numbers, and nothing where it has none."""
    try:
        values = [float(row[column]) for row in labels.rows if not is_missing(row[column])]
    except ValueError:
        return False
    return bool(values) and bool(np.isfinite(values).all())


def _label(text: str) -> float:
    return np.nan if is_missing(text) else float(text)


def _means(reader: CacheReader, fields: Sequence[str], ids: Sequence[str]) -> Array:
    tables = [reader.clip_table(schema.GLOBAL_MEAN + name, ids) for name in fields]
    return np.concatenate(tables, axis=1) if ids else np.empty((0, 1))


def _probe(name: str, full: Sequence[Array], compact: Sequence[Array], truth: Array) -> Probe:
    held_out = len(truth) - 4 * len(truth) // 5
    return Probe(name, _score(full, truth), _score(compact, truth), held_out)


def _score(clips: Sequence[Array], truth: Array) -> float:
    """Return the mean correlation over targets, each learned and scored on the clips that have its label."""
    there = np.isfinite(truth)
    if there.all():
        return _ridge_score(clips, truth)
    patterns, which = np.unique(there, axis=1, return_inverse=True)
    total = 0.0
    for number, pattern in enumerate(patterns.T):
        rows, columns = np.flatnonzero(pattern), np.flatnonzero(which.ravel() == number)
        if len(rows) < FEWEST:
            return float("nan")
        total += len(columns) * _ridge_score([clips[i] for i in rows.tolist()], truth[np.ix_(rows, columns)])
    return float(total / truth.shape[1])


def _ridge_score(clips: Sequence[Array], truth: Array) -> float:
    """Fit on 60 % of the clips, choose the penalty on the next 20 %, score on the last 20 %.

    Each row predicts its clip's targets; a clip's prediction is the mean of its rows'.
    """
    first, second = 3 * len(clips) // 5, 4 * len(clips) // 5
    lengths = np.array([len(clip) for clip in clips])
    rows = int(lengths[:first].sum())
    centre = sum(clip.sum(axis=0, dtype=np.float64) for clip in clips[:first]) / rows
    squares = sum(np.square(clip - centre).sum(axis=0) for clip in clips[:first])
    spread = np.sqrt(squares / rows)
    spread[spread == 0] = 1.0
    middle = (truth[:first] * lengths[:first, None]).sum(axis=0) / rows
    gram, cross = np.zeros((len(centre),) * 2), np.zeros((len(centre), truth.shape[1]))
    for block in _blocks(range(first), lengths):
        standard = np.concatenate([(clips[i] - centre) / spread for i in block])
        gram += standard.T @ standard / rows
        cross += standard.T @ np.repeat(truth[block] - middle, lengths[block], axis=0) / rows
    means = np.stack([(clip.mean(axis=0, dtype=np.float64) - centre) / spread for clip in clips])
    scores = []
    for penalty in PENALTIES:
        weights = np.linalg.solve(gram + penalty * np.eye(len(gram)), cross)
        predicted = means @ weights
        scores.append((_mean_pearson(truth[first:second], predicted[first:second]), predicted))
    best = max(scores, key=lambda item: np.nan_to_num(item[0], nan=-2.0))[1]
    return _mean_pearson(truth[second:], best[second:])


def _blocks(clips: Sequence[int], lengths: Array) -> Iterator[list[int]]:
    """Yield runs of clips that together have about as many rows as one matrix product is worth."""
    block: list[int] = []
    for clip in clips:
        block.append(clip)
        if lengths[block].sum() >= BLOCK_FRAMES:
            yield block
            block = []
    if block:
        yield block


def _mean_pearson(truth: Array, predicted: Array) -> float:
    """Mean over the targets; undefined (NaN) where one is constant."""
    a, b = truth - truth.mean(axis=0), predicted - predicted.mean(axis=0)
    norms = np.sqrt(np.square(a).sum(axis=0) * np.square(b).sum(axis=0))
    if not len(truth) or not norms.all():
        return float("nan")
    return float(((a * b).sum(axis=0) / norms).mean())


def _shown(score: float) -> str:
    return f"{score:.3f}" if np.isfinite(score) else "undefined"


def as_json(fidelity: Fidelity) -> dict[str, Any]:
    """Return the measurement ready for JSON."""
    return {
        **vars(fidelity),
        "losses": [vars(loss) for loss in fidelity.losses],
        "probes": [vars(probe) for probe in fidelity.probes],
    }


def as_text(fidelity: Fidelity) -> str:
    """Return the measurement as lines for a terminal."""
    lines = [f"  measured on {counted(fidelity.clips, 'clip')}:"]
    for name, share in fidelity.explained.items():
        lines.append(f"    frames/{name}: {share:.1%} of the variance kept, of the clips fitted on")
    lines += as_lines(fidelity.losses)
    for probe in fidelity.probes:
        lines.append(
            f"    ridge probe on {probe.features}: Pearson {_shown(probe.full)} full, "
            f"{_shown(probe.compact)} compact ({counted(probe.clips, 'held-out clip')}; "
            f"{', '.join(fidelity.targets)})"
        )
    if not fidelity.probes:
        lines.append("    no ridge probe: no target columns and no clips/vad, or fewer than 10 clips")
    return "\n".join(lines)
