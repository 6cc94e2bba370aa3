"""Resampling of scores in clips → extract → cache → train → intensities: speakers drawn, clips kept together.

A draw takes as many speakers as there are, with replacement, each with all of its clips. So a draw is one
weight per speaker, and pearson, ccc and mae of a draw follow from sums per speaker: all draws of all seeds
and emotions are one matrix product. Spearman ranks anew in every draw (``train/bootstrap_ranks.py``).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from train.errors import LabelError
from train.scores.metrics import CONSTANT, METRICS
from train.scores.resampling_ranks import RankScores

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
CHUNK = 250  # draws at a time: their weights stay in the processor's cache
SEED_STREAM = 1  # seeds are drawn apart from speakers, so that their number changes no draw of speakers


class ScoreDraws(NamedTuple):
    """What resampling says about one row of a table.

    Attributes:
        estimate: (seeds,) score on all clips, mean over emotions; NaN where undefined.
        draws: (resamples, seeds) the same on every draw of speakers.
        left_out: (clusters, seeds) the same with one speaker left out.
    """

    estimate: FloatArray
    draws: FloatArray
    left_out: FloatArray


@dataclass(frozen=True)
class Resampler:
    """The draws that all rows of a table share, so that their differences are paired.

    Attributes:
        cluster: (clips,) index of each clip's speaker; of the clip itself where speakers are unknown.
        by: "speaker", or "clip" where no speaker is known.
        resamples: number of draws.
        seed: of the draws.
    """

    cluster: IntArray
    by: str
    resamples: int
    seed: int

    @classmethod
    def of(
        cls, clips: int, clusters: Sequence[Hashable | None] | None, resamples: int, seed: int
    ) -> Resampler:
        """Prepare draws.

        Args:
            clips: number of clips.
            clusters: (clips,) speaker of each clip; a clip whose speaker is None stands for itself.
                None, or no speaker at all: every clip stands for itself.
            resamples: number of draws.
            seed: of the draws.

        Raises:
            LabelError: if there is not one speaker per clip, or fewer than two draws are asked for.
        """
        if resamples < 2:
            raise LabelError(f"resamples: found {resamples}, expected 2 or more")
        if clusters is None or all(name is None for name in clusters):
            return cls(np.arange(clips), "clip", resamples, seed)
        if len(clusters) != clips:
            raise LabelError(f"{len(clusters)} speakers for {clips} clips; there must be one per clip")
        index: dict[object, int] = {}
        keys = [("clip", i) if name is None else ("speaker", name) for i, name in enumerate(clusters)]
        cluster = np.array([index.setdefault(key, len(index)) for key in keys], dtype=np.int64)
        return cls(cluster, "speaker", resamples, seed)

    @property
    def clusters(self) -> int:
        """Number of speakers (or clips) that are drawn from."""
        return int(self.cluster.max()) + 1 if len(self.cluster) else 0

    @cached_property
    def counts(self) -> npt.NDArray[np.uint16]:
        """How often each draw holds each speaker, (resamples, clusters); the draws of ``scipy.stats``."""
        rng, size = np.random.default_rng(self.seed), self.clusters
        counts = np.empty((self.resamples, size), dtype=np.uint16)
        for start in range(0, self.resamples, CHUNK):
            rows = min(CHUNK, self.resamples - start)
            drawn = rng.integers(0, size, (rows, size)) + size * np.arange(rows)[:, None]
            counts[start : start + rows] = np.bincount(drawn.ravel(), minlength=rows * size).reshape(
                rows, size
            )
        return counts

    def seed_weights(self, seeds: int, stream: int = 0) -> FloatArray:
        """Return the weight of each seed in each draw, (resamples, seeds); every row sums to 1.

        One seed fewer than there are is drawn: with replacement, that gives the mean over seeds its unbiased
        variance (Rao and Wu 1988), where drawing all 5 of 5 would lose a fifth of it.
        """
        if seeds == 1:
            return np.ones((self.resamples, 1))
        rng = np.random.default_rng([self.seed, SEED_STREAM, stream])
        drawn = rng.integers(0, seeds, (self.resamples, seeds - 1))
        weights = (drawn[:, :, None] == np.arange(seeds)).mean(1)
        return np.asarray(weights, dtype=np.float64)

    def scores(self, truth: FloatArray, predictions: FloatArray, metric: str) -> ScoreDraws:
        """Score one row of a table on all clips, on every draw, and with each speaker left out.

        Args:
            truth: (clips, targets).
            predictions: (seeds, clips, targets).
            metric: "pearson", "ccc", "spearman" or "mae".

        Raises:
            LabelError: if the shapes do not fit together, or the metric is unknown.
        """
        truth, predictions = _checked(truth, predictions, metric, len(self.cluster))
        estimate = np.array([METRICS[metric](truth, one).mean() for one in predictions])
        nothing = np.full((self.resamples, len(predictions)), np.nan)
        if np.isnan(estimate).all() or self.clusters < 2:
            return ScoreDraws(estimate, nothing, nothing[: self.clusters])
        scored = RankScores(truth, predictions, self.cluster) if metric == "spearman" else None
        sums = scored or _Sums.of(truth, predictions, self.cluster, metric)
        chunks = [self.counts[start : start + CHUNK] for start in range(0, self.resamples, CHUNK)]
        draws = np.concatenate([sums.of_draws(chunk.astype(np.float64)) for chunk in chunks])
        return ScoreDraws(estimate, draws, sums.of_left_out())


def joined(resamplers: Sequence[Resampler]) -> Resampler:
    """Return the resampler of all clips of several; it describes them and is not to be drawn from."""
    starts = np.cumsum([0, *(each.clusters for each in resamplers)])
    cluster = np.concatenate([each.cluster + start for each, start in zip(resamplers, starts, strict=False)])
    by = "speaker" if all(each.by == "speaker" for each in resamplers) else "clip"
    return Resampler(cluster, by, resamplers[0].resamples, resamplers[0].seed)


@dataclass(frozen=True)
class _Sums:
    """Sums per speaker from which the scores of any draw follow.

    Columns are centred and scaled first, so that variances do not drown in rounding.

    Attributes:
        values: (clusters, sums).
        metric: "pearson", "ccc" or "mae".
        shape: (seeds, targets).
        location: (1 + seeds, targets) mean of each column of the labels, then of each seed's predictions.
        scale: (1 + seeds, targets) their standard deviations.
        smallest: (1 + seeds, targets) variance, after scaling, up to which a column counts as constant.
    """

    values: FloatArray
    metric: str
    shape: tuple[int, int]
    location: FloatArray
    scale: FloatArray
    smallest: FloatArray

    @classmethod
    def of(cls, truth: FloatArray, predictions: FloatArray, cluster: IntArray, metric: str) -> _Sums:
        """Add up one row of a table."""
        columns = np.concatenate([truth[None], predictions])  # (1 + seeds, clips, targets)
        location, spread = columns.mean(1), columns.std(1)
        varies = np.ptp(columns, axis=1) > CONSTANT * np.abs(columns).max(1)
        scale = np.where(varies, spread, 1.0)
        scaled = (columns - location[:, None]) / scale[:, None]
        ones = np.ones((1, len(truth)))
        if metric == "mae":
            parts = [ones, np.abs(predictions - truth).mean(2)]
        else:
            # Sums of the labels come once, those that involve predictions once per seed.
            flat = [part.transpose(0, 2, 1).reshape(-1, len(truth)) for part in _products(scaled)]
            parts = [ones, *flat]
        smallest = np.where(varies, (CONSTANT * np.abs(columns).max(1) / scale) ** 2, np.inf)
        values = _added_up(np.concatenate(parts).T, cluster)
        return cls(values, metric, (len(predictions), truth.shape[1]), location, scale, smallest)

    def of_draws(self, weights: FloatArray) -> FloatArray:
        """Return the scores (draws, seeds) for weights (draws, clusters)."""
        return self._scores(weights @ self.values)

    def of_left_out(self) -> FloatArray:
        """Return the scores (clusters, seeds) with one speaker left out."""
        return self._scores(self.values.sum(0) - self.values)

    def _scores(self, sums: FloatArray) -> FloatArray:
        total = sums[:, :1]
        means = np.divide(sums[:, 1:], total, out=np.full_like(sums[:, 1:], np.nan), where=total > 0)
        if self.metric == "mae":
            return means
        seeds, targets = self.shape
        columns = 1 + seeds
        first, square, product = np.split(
            means.reshape(len(means), -1, targets), [columns, 2 * columns], axis=1
        )
        variance = square - first**2  # (draws, 1 + seeds, targets): labels, then each seed
        variance = np.where(variance > self.smallest, variance, np.nan)
        shared = product - first[:, :1] * first[:, 1:]
        if self.metric == "pearson":
            scores = shared / np.sqrt(variance[:, :1] * variance[:, 1:])
            return np.asarray(np.clip(scores, -1.0, 1.0).mean(2))
        spread, middle = variance * self.scale**2, first * self.scale + self.location
        distance = (middle[:, :1] - middle[:, 1:]) ** 2
        scores = 2 * shared * self.scale[:1] * self.scale[1:] / (spread[:, :1] + spread[:, 1:] + distance)
        return np.asarray(scores.mean(2))


def _products(scaled: FloatArray) -> list[FloatArray]:
    return [scaled, scaled**2, scaled[:1] * scaled[1:]]


def _added_up(rows: FloatArray, cluster: IntArray) -> FloatArray:
    """Return the sums (clusters, columns) of rows (clips, columns)."""
    order = np.argsort(cluster, kind="stable")
    starts = np.searchsorted(cluster[order], np.arange(int(cluster.max()) + 1))
    return np.asarray(np.add.reduceat(rows[order], starts, axis=0), dtype=np.float64)


def _checked(
    truth: npt.ArrayLike, predictions: npt.ArrayLike, metric: str, clips: int
) -> tuple[FloatArray, FloatArray]:
    if metric not in METRICS:
        raise LabelError(f"metric: found {metric!r}, expected {', '.join(METRICS)}")
    one, two = np.asarray(truth, dtype=np.float64), np.asarray(predictions, dtype=np.float64)
    if one.ndim != 2 or two.ndim != 3 or two.shape[1:] != one.shape or not len(two) or len(one) != clips:
        raise LabelError(
            f"truth has shape {one.shape}, predictions {two.shape}; expected ({clips}, targets) "
            f"and (seeds, {clips}, targets)"
        )
    return one, two
