"""Agreement with the teacher: the metrics of the package, and frames summed up as if all were at hand."""

from __future__ import annotations

import numpy as np
import pytest

from cache import CacheReader
from train.fitting.distil.lessons import read_lessons
from train.fitting.distil.options import DistilOptions
from train.fitting.distil.passes import HeldOut, speakers_of
from train.fitting.distil.scores import scores_of
from train.scores.metrics import ccc


def sums_of(truth: np.ndarray, said: np.ndarray) -> np.ndarray:
    x, y = truth, said
    return np.stack(
        [np.full(x.shape[1], len(x)), x.sum(0), y.sum(0), (x * x).sum(0), (y * y).sum(0), (x * y).sum(0)], 1
    )


def test_scores_are_of_the_clips_that_were_held_out_and_by_speaker(pair) -> None:
    with CacheReader(pair.logmel) as logmel, CacheReader(pair.teacher) as teacher:
        lessons = read_lessons(logmel, teacher, DistilOptions(hidden=2))
    rng = np.random.default_rng(0)
    held = lessons.clips + 0.05 * rng.standard_normal(lessons.clips.shape)
    held[:6] = np.nan
    truth, hidden = (np.concatenate(each).astype(np.float64) for each in (lessons.readout, lessons.hidden))
    noisy, near = (
        truth + 0.1 * rng.standard_normal(truth.shape),
        hidden + 0.5 * rng.standard_normal(hidden.shape),
    )
    sums = np.concatenate([sums_of(truth, noisy), sums_of(hidden, near)])
    who = speakers_of(lessons.clip_ids, HeldOut(pair.speakers, None, pair.logmel))
    found = scores_of(lessons, held, sums, who)
    expected = ccc(lessons.clips[6:], held[6:])
    assert [found["ccc"][name]["estimate"] for name in lessons.dimensions] == pytest.approx(expected.tolist())
    assert (found["clips"], found["ccc"]["valence"]["by"], found["ccc"]["mean"]["clusters"]) == (
        30,
        "speaker",
        6,
    )
    assert list(found["frame_ccc"].values()) == pytest.approx(ccc(truth, noisy).tolist())
    left = np.square(near - hidden).sum() / np.square(hidden - hidden.mean(0)).sum()
    assert found["hidden_r2"] == pytest.approx(1 - left)
    still = np.full_like(hidden, 0.1)
    alone = np.concatenate([sums[: len(lessons.dimensions)], sums_of(still, near)])
    assert scores_of(lessons, held, alone, who)["hidden_r2"] is None  # a share of nothing
