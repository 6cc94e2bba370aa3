"""Resampling: speakers are drawn, each with all of its clips, and every draw is scored.

A draw takes as many speakers as there are, with replacement: it is one weight per speaker. How the draws are
scored is the metric's own affair (``train.scores.registry``): from sums, from ranks, or row by row.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from train.errors import LabelError
from train.scores.registry import METRICS, traits_of

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


class DrawScores(Protocol):
    """Scores of one row of a table under any weights of its speakers, mean over emotions."""

    def of_draws(self, weights: FloatArray) -> FloatArray:
        """Return the scores (draws, seeds) for whole weights (draws, clusters)."""

    def of_left_out(self) -> FloatArray:
        """Return the scores (clusters, seeds) with one speaker left out."""


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
            metric: a registered one.

        Raises:
            LabelError: if the shapes do not fit together, or the metric is unknown.
        """
        truth, predictions = _checked(truth, predictions, metric, len(self.cluster))
        score = METRICS.get(metric)
        estimate = np.array([score(truth, one).mean() for one in predictions])
        nothing = np.full((self.resamples, len(predictions)), np.nan)
        if np.isnan(estimate).all() or self.clusters < 2:
            return ScoreDraws(estimate, nothing, nothing[: self.clusters])
        module, _, attribute = traits_of(metric).resampled.partition(":")
        scored: DrawScores = getattr(import_module(module), attribute)(
            truth, predictions, self.cluster, metric
        )
        chunks = [self.counts[start : start + CHUNK] for start in range(0, self.resamples, CHUNK)]
        draws = np.concatenate([scored.of_draws(chunk.astype(np.float64)) for chunk in chunks])
        return ScoreDraws(estimate, draws, scored.of_left_out())


def joined(resamplers: Sequence[Resampler]) -> Resampler:
    """Return the resampler of all clips of several; it describes them and is not to be drawn from."""
    starts = np.cumsum([0, *(each.clusters for each in resamplers)])
    cluster = np.concatenate([each.cluster + start for each, start in zip(resamplers, starts, strict=False)])
    by = "speaker" if all(each.by == "speaker" for each in resamplers) else "clip"
    return Resampler(cluster, by, resamplers[0].resamples, resamplers[0].seed)


def _checked(
    truth: npt.ArrayLike, predictions: npt.ArrayLike, metric: str, clips: int
) -> tuple[FloatArray, FloatArray]:
    METRICS.require(metric)
    one, two = np.asarray(truth, dtype=np.float64), np.asarray(predictions, dtype=np.float64)
    if one.ndim != 2 or two.ndim != 3 or two.shape[1:] != one.shape or not len(two) or len(one) != clips:
        raise LabelError(
            f"truth has shape {one.shape}, predictions {two.shape}; expected ({clips}, targets) "
            f"and (seeds, {clips}, targets)"
        )
    return one, two
