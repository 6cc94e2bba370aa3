"""Simple models on one vector a clip: the mean, ridge, and support vector regression with an RBF kernel.

How strongly each is held back is chosen by inner folds of the training clips, by speaker where speakers are known.
Both work on a matrix of products, so that choosing costs little however many columns there are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from train.config import FitConfig
from train.labels.missing import alike
from train.labels.tables import Labels
from train.scores.registry import METRICS
from train.scores.targets import mean_score

FloatArray = npt.NDArray[np.floating]
IntArray = npt.NDArray[np.int64]
Predicted = npt.NDArray[np.float64]
FOLDS = 5
MOST_CLIPS = (
    2000  # that choose, and that support vectors are taken from: both grow with their square and more
)
TUBE = 0.1  # errors that cost nothing, in standard deviations of a target
CONSTANT = 1e-6  # a column that varies less, relative to its size, says nothing


class Learned(NamedTuple):
    """What is learned from: labels (clips, targets), and how much each clip counts (clips,); None: all alike."""

    labels: FloatArray
    weights: FloatArray | None

    @classmethod
    def of(cls, labels: Labels) -> Learned:
        """Return that of some clips; weights have a mean of 1, and where all are 0 they say nothing."""
        weights = labels.weights
        if weights is None or not weights.any():
            return cls(labels.targets, None)
        return cls(labels.targets, weights / weights.mean())

    def mean(self) -> Predicted:
        """Return the mean (targets,) of the labels."""
        if self.weights is None:
            return np.asarray(self.labels.mean(0), dtype=np.float64)
        return np.asarray(np.average(self.labels, axis=0, weights=self.weights))

    def deviation(self) -> Predicted:
        """Return the standard deviation (targets,) of the labels."""
        if self.weights is None:
            return np.asarray(self.labels.std(0), dtype=np.float64)
        squares = np.average((self.labels - self.mean()) ** 2, axis=0, weights=self.weights)
        return np.asarray(np.sqrt(squares))


class Model(NamedTuple):
    """A model that works on products of columns.

    Attributes:
        products: of standardised columns (clips, features) with others.
        fitted: from products of the clips to learn from, those clips and a strength to what it says of others,
            given their products with those (others, clips).
        strengths: to choose from.
    """

    products: Callable[[FloatArray, FloatArray], FloatArray]
    fitted: Callable[[FloatArray, Learned, FloatArray, float], Predicted]
    strengths: tuple[float, ...]


def predicted(columns: FloatArray, model: str, train: Labels, config: FitConfig) -> Predicted:
    """Fit a model on the training clips, and return what it says of the others.

    Args:
        columns: (clips, features) of all clips, those of ``train`` first.
        model: "mean", or one of ``MODELS``.
        train: labels of the training clips.
        config: its metric chooses; its seed divides.

    Returns:
        (clips, targets) float64, of the clips behind those of ``train``.
    """
    count = len(train)
    if np.isnan(train.targets).any():
        return _predicted_apart(columns, model, train, config)
    if model == "mean":
        return np.tile(Learned.of(train).mean(), (len(columns) - count, 1))
    learned, others = _standardised(columns[:count], columns[count:])
    some = _some(count, config.seed)
    strength = _chosen(MODELS[model], learned[some], train.take(some), config)
    if model == "ridge":
        return _ridge_of_all(learned, Learned.of(train), others, strength)
    way = MODELS[model]
    products = way.products(learned[some], learned[some])
    return way.fitted(products, Learned.of(train.take(some)), way.products(others, learned[some]), strength)


def _predicted_apart(columns: FloatArray, model: str, train: Labels, config: FitConfig) -> Predicted:
    """Return the same where labels are missing: each target is learned from the clips that have it."""
    found = np.full((len(columns) - len(train), len(train.names)), np.nan)
    for targets, clips in alike(train.targets):
        some = np.flatnonzero(clips)
        rows = np.concatenate([columns[some], columns[len(train) :]])
        found[:, targets] = predicted(rows, model, train.take(some).of_targets(targets), config)
    return found


def _chosen(model: Model, columns: FloatArray, labels: Labels, config: FitConfig) -> float:
    """Return the strength that does best in the inner folds; the first of equals."""
    score, products = METRICS.get(config.metric), model.products(columns, columns)
    folds = inner_folds(labels, config.seed)

    def reached(strength: float) -> float:
        values = [
            mean_score(
                score,
                labels.targets[held],
                model.fitted(
                    products[np.ix_(fit, fit)],
                    Learned.of(labels.take(fit)),
                    products[np.ix_(held, fit)],
                    strength,
                ),
            )
            for fit, held in folds
        ]
        return float(np.mean([-1.0 if np.isnan(value) else value for value in values] or [0.0]))

    return max(model.strengths, key=reached)


def inner_folds(labels: Labels, seed: int) -> list[tuple[IntArray, IntArray]]:
    """Divide clips into those to learn from and those held out, no speaker on both sides where they are known.

    Clips of a single speaker are divided one by one; a single clip is not divided at all.
    """
    from sklearn.model_selection import GroupKFold

    clips = zip(labels.clip_ids, labels.speakers, strict=True)
    groups = [("clip", clip) if speaker is None else ("speaker", speaker) for clip, speaker in clips]
    if len(set(groups)) < 2:
        groups = [("clip", clip) for clip in labels.clip_ids]
    if len(groups) < 2:
        return []
    numbers = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    of_clip = [numbers[group] for group in groups]
    count = max(2, min(FOLDS, len(numbers)))
    return list(GroupKFold(count, shuffle=True, random_state=seed % 2**32).split(of_clip, groups=of_clip))


def _some(count: int, seed: int) -> IntArray:
    """Return the positions of at most ``MOST_CLIPS`` clips, in order."""
    if count <= MOST_CLIPS:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, MOST_CLIPS, replace=False))


def _standardised(learned: FloatArray, others: FloatArray) -> tuple[FloatArray, FloatArray]:
    mean, deviation = learned.mean(0), learned.std(0)
    deviation = np.where(deviation <= CONSTANT * np.abs(mean), np.inf, deviation)
    return (learned - mean) / deviation, (others - mean) / deviation


def _ridge_of_all(columns: FloatArray, clips: Learned, others: FloatArray, strength: float) -> Predicted:
    from sklearn.linear_model import Ridge

    found = Ridge(strength).fit(columns, clips.labels, clips.weights).predict(others)
    return np.asarray(found, dtype=np.float64).reshape(len(others), clips.labels.shape[1])


def _linear(one: FloatArray, other: FloatArray) -> FloatArray:
    products: FloatArray = one @ other.T
    return products


def _ridge(products: FloatArray, clips: Learned, others: FloatArray, strength: float) -> Predicted:
    from sklearn.kernel_ridge import KernelRidge

    mean, model = clips.mean(), KernelRidge(alpha=strength, kernel="precomputed")
    found = model.fit(products, clips.labels - mean, clips.weights).predict(others)
    return np.asarray(found + mean, dtype=np.float64)


def _rbf(one: FloatArray, other: FloatArray) -> FloatArray:
    """Return exp(-|a - b|² / columns): columns have variance 1."""
    from sklearn.metrics.pairwise import rbf_kernel

    varies = max(1, int((one != 0).any(0).sum()))
    return np.asarray(rbf_kernel(one, other, gamma=1 / varies))


def _svr(products: FloatArray, clips: Learned, others: FloatArray, strength: float) -> Predicted:
    from sklearn.svm import SVR

    mean, deviation = clips.mean(), clips.deviation()
    found = np.tile(mean, (len(others), 1))
    for target in np.flatnonzero(deviation > CONSTANT * np.abs(mean)):
        model = SVR(kernel="precomputed", C=strength, epsilon=TUBE)
        model.fit(products, (clips.labels[:, target] - mean[target]) / deviation[target], clips.weights)
        found[:, target] += model.predict(others) * deviation[target]
    return found


MODELS = {
    "ridge": Model(_linear, _ridge, tuple(float(10.0**power) for power in range(-1, 6))),
    "svr": Model(_rbf, _svr, (0.3, 1.0, 3.0, 10.0)),
}
