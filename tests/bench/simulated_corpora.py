"""Corpora made by chance, whose true scores are known: speakers of equal or unequal size, labels of three kinds.

A label is part the speaker's own (intra-class correlation ICC) and part the clip's. Every row of a table predicts
it with the same true score; rows share half of what they get wrong; seeds of a row differ by chance in their true
score and in their predictions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache as remembered

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from train.scores.registry import METRICS

FloatArray = npt.NDArray[np.float64]
ICC, TARGETS = 0.2, 4
CLIPS = 23  # of each speaker, where all have equally many
LARGEST = 200  # clips of a speaker, where sizes are log-normal
NON_ZERO = 0.03  # share of labels that are not zero, where most are
GAIN, SEED_SPREAD = 0.5, 0.03  # how much of the label a prediction holds, and how that differs between seeds
OWN, ALONE = 0.9, 0.3  # what a prediction gets wrong: as its row does, and as its seed alone does
FREEDOM = 5  # of the t distribution of heavy-tailed labels: kurtosis 9


@dataclass(frozen=True)
class Design:
    """What corpora of one kind have in common.

    Attributes:
        speakers: how many.
        sizes: "equal", or "log-normal" from 1 to 200 clips (median 12).
        labels: "normal", "heavy" (t with 5 degrees of freedom) or "zero" (3 % non-zero).
        seeds: of each row.
    """

    speakers: int
    sizes: str = "equal"
    labels: str = "normal"
    seeds: int = 1

    @property
    def name(self) -> str:
        """For tables."""
        return f"{self.speakers:4} speakers  {self.sizes:10}  {self.labels:6}  {self.seeds} seed(s)"


@dataclass(frozen=True)
class Corpus:
    """One corpus.

    Attributes:
        truth: (clips, targets) labels.
        rows: (rows, seeds, clips, targets) predictions; all rows are equally good.
        speakers: (clips,).
    """

    truth: FloatArray
    rows: FloatArray
    speakers: list[int]


def draw(design: Design, number: int, rows: int = 2) -> Corpus:
    """Return the corpus of a design with this number."""
    kinds = (design.speakers, len(design.sizes), len(design.labels), design.seeds)
    rng = np.random.default_rng([number, *kinds])
    return _drawn(rng, _sizes(rng, design), design, rows)


@remembered
def true_score(labels: str, metric: str, seeds: int) -> float:
    """Return the score that very large corpora have, the mean over very many seeds."""
    if metric in {"pearson", "ccc"} or labels == "normal":
        return _true_by_moments(metric, SEED_SPREAD if seeds > 1 else 0.0)
    rng = np.random.default_rng(99)
    design = Design(2000, "equal", labels, min(seeds, 2) * 4)
    scores = []
    for _ in range(40):
        corpus = _drawn(rng, np.full(2000, CLIPS), design, 1, varies=seeds > 1)
        scores += [METRICS.get(metric)(corpus.truth, one).mean() for one in corpus.rows[0]]
    return float(np.mean(scores))


def _true_by_moments(metric: str, spread: float) -> float:
    """Return the true score where moments decide it; Spearman's of normal labels (Pearson 1907) is one of them."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(21)
    gain, wrong = GAIN + spread * nodes, OWN**2 + ALONE**2
    scores = {"ccc": 2 * gain / (1 + gain**2 + wrong), "pearson": gain / np.sqrt(gain**2 + wrong)}
    scores["spearman"] = 6 / math.pi * np.arcsin(scores["pearson"] / 2)
    return float((weights * scores[metric]).sum() / weights.sum())


def _drawn(
    rng: np.random.Generator,
    sizes: npt.NDArray[np.int64],
    design: Design,
    rows: int,
    varies: bool | None = None,
) -> Corpus:
    speakers = np.repeat(np.arange(len(sizes)), sizes)
    truth = _labels(_mixed(rng, speakers, design.labels == "heavy"), design.labels)
    shared = _mixed(rng, speakers)
    spread = SEED_SPREAD if (design.seeds > 1 if varies is None else varies) else 0.0
    made = np.empty((rows, design.seeds, *truth.shape))
    for row in made:
        wrong = OWN * math.sqrt(0.5) * (shared + _mixed(rng, speakers))
        for seed in row:
            gain = GAIN + spread * rng.standard_normal()
            seed[:] = gain * truth + wrong + ALONE * rng.standard_normal(truth.shape)
    return Corpus(truth, made, speakers.tolist())


def _sizes(rng: np.random.Generator, design: Design) -> npt.NDArray[np.int64]:
    if design.sizes == "equal":
        return np.full(design.speakers, CLIPS)
    drawn = np.exp(rng.normal(math.log(12), 1.2, design.speakers))
    return np.clip(np.round(drawn), 1, LARGEST).astype(np.int64)


def _mixed(rng: np.random.Generator, speakers: npt.NDArray[np.int64], heavy: bool = False) -> FloatArray:
    """Return (clips, targets) of variance 1, of which ICC is common to a speaker's clips."""

    def noise(count: int) -> FloatArray:
        if heavy:
            return rng.standard_t(FREEDOM, (count, TARGETS)) / math.sqrt(FREEDOM / (FREEDOM - 2))
        return rng.standard_normal((count, TARGETS))

    people = noise(int(speakers[-1]) + 1)[speakers]
    return math.sqrt(ICC) * people + math.sqrt(1 - ICC) * noise(len(speakers))


def _labels(values: FloatArray, kind: str) -> FloatArray:
    """Return the labels, of mean 0 and variance 1; where most are zero, those are one value."""
    if kind != "zero":
        return values
    threshold = float(norm.isf(NON_ZERO))
    mean = float(norm.pdf(threshold)) - threshold * NON_ZERO
    square = (1 + threshold**2) * NON_ZERO - threshold * float(norm.pdf(threshold))
    return (np.maximum(values - threshold, 0) - mean) / math.sqrt(square - mean**2)
