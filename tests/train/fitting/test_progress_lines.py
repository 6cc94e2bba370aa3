"""The lines of a fit name the epoch, the loss, the score and the time that is left."""

from __future__ import annotations

import time

from cache import CacheReader
from train import FitConfig
from train.fitting.checkpoint import new_training
from train.fitting.progress_lines import epoch_line, step_line
from train.fitting.task import plan_fit
from train.heads.head import HeadShape, new_head
from train.runs.history import EpochRecord


def test_a_step_says_how_far_it_is():
    line = step_line(1, 5, 10, FitConfig(epochs=4, batch_size=8), time.perf_counter() - 2)
    assert line.startswith("epoch 2/4  step 5/10  20 clips/s  ETA 0:10")


def test_an_epoch_says_its_loss_and_whether_it_is_the_best(corpus, splits):
    with CacheReader(corpus.cache) as reader:
        task = plan_fit(reader, splits, FitConfig())
    training = new_training(new_head(HeadShape(width=4, targets=3, hidden=2), 0), task.config)
    for epoch, score in ((1, 0.5), (2, 0.25)):
        training.record(EpochRecord(epoch, 0.1, 0.125, score, 0))
        training.seconds += 2
        best = " (best)" if epoch == 1 else ""
        expected = f"epoch {epoch}/10  loss 0.1250  inner pearson {score:.3f}{best}  24 clips/s  ETA"
        assert epoch_line(training, task).startswith(expected)
