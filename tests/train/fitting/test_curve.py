"""The curve of a fit: a sign an epoch on a terminal, ASCII where it has no more, nothing in a file."""

from __future__ import annotations

import io
import math
import os
import pty

import pytest

from cache import CacheReader
from cache.common.progress import Progress
from train import FitConfig, fit
from train.fitting.checkpoint import new_training
from train.fitting.curve import BLOCKS, PLAIN, curve_line, signs_for, sparkline, with_curve
from train.fitting.task import plan_fit
from train.heads.head import HeadShape, new_head
from train.runs.history import EpochRecord


class Terminal(io.StringIO):
    """A stream that is a terminal of some encoding."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


class OldTerminal(Terminal):
    encoding = "ascii"


@pytest.fixture
def fitted(corpus, splits):
    """A training of some epochs, with its task."""
    with CacheReader(corpus.cache) as reader:
        task = plan_fit(reader, splits, FitConfig())
    training = new_training(new_head(HeadShape(width=4, targets=3, hidden=2), 0), task.config)
    for epoch, score in enumerate((0.1, 0.2, math.nan, 0.4, 0.3), 1):
        training.record(EpochRecord(epoch, 0.1, 1 / epoch, score, 0))
    return training, task


def test_signs_go_from_low_to_high_and_gaps_are_blank():
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7]) == BLOCKS
    assert sparkline([7, 0, 3.6]) == "█▁▅"
    assert sparkline([1, math.nan, 2, math.inf]) == "▁ █ "
    assert sparkline([5, 5]) == "▁▁"
    assert sparkline([]) == sparkline([math.nan]) == " "
    assert sparkline([0, 1], signs=PLAIN) == "_#"
    assert sparkline(range(1000), 8) == BLOCKS, "many are means of several"


def test_a_terminal_has_the_curve_and_a_file_has_none(fitted, monkeypatch):
    training, task = fitted
    monkeypatch.setenv("TERM", "xterm")

    def line(stream):
        return with_curve(lambda: "epoch 5/10", training, task, Progress(stream))

    assert line(Terminal()) == "epoch 5/10  ▁▃ █▆"
    assert line(OldTerminal()) == "epoch 5/10  _: #+"
    assert line(io.StringIO()) == "epoch 5/10"
    assert with_curve(lambda: "x" * 75, training, task, Progress(Terminal())) == "x" * 75, "no room"
    assert curve_line(training, task, Progress(Terminal())) == "inner pearson 0.100 ▁▃ █▆ 0.300"
    assert curve_line(training, task, Progress(io.StringIO())) == ""
    for simple in ("dumb", "linux"):
        monkeypatch.setenv("TERM", simple)
        assert signs_for(Progress(Terminal())) == PLAIN


def test_losses_stand_in_where_no_epoch_has_a_score(fitted, monkeypatch):
    training, task = fitted
    monkeypatch.setenv("TERM", "xterm")
    training.history = [EpochRecord(n, 0.1, 1 / n, math.nan, 0) for n in (1, 2, 3)]
    assert curve_line(training, task, Progress(Terminal())).startswith("loss 1.000 █▃▁ 0.333")


def test_a_fit_on_a_real_terminal_shows_it_within_its_width(corpus, splits, small, tmp_path, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    reading, writing = pty.openpty()
    with os.fdopen(writing, "w", encoding="utf-8") as terminal:
        fit(corpus.cache, splits, small, tmp_path / "run", progress=Progress(terminal))
    said = bytearray()
    while True:
        try:
            piece = os.read(reading, 65536)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        said += piece
    os.close(reading)
    lines = said.decode().replace("\r", "\n").splitlines()
    curves = [line for line in lines if line.startswith("epoch") and set(line) & set(BLOCKS)]
    whole = [line for line in lines if line.startswith("inner pearson")]
    assert len(whole) == 1
    assert len(set(whole[0]) & set(BLOCKS)) > 1
    assert all(len(line) < 80 for line in curves)
