"""Temporal models side by side on a CPU: clips per second by threads, and the GRU's step beside the LSTM's.

The first tables train each model with 1 thread, with all, and with the number that a fit measures and takes: the
last must not be slower than the best. The next divides a whole training step (loss, gradients, AdamW) of every
model by that of an LSTM of the same width; the last those of a GRU, ours and torch's own. Alternatives take turns,
so that a busy neighbour slows all of them; figures are of the fastest turn, so that ratios are what counts, and
"default" is the rate with the number that was taken.

    python tests/bench/bench_temporal.py [--turns 5] [--batches 6] [--widths 32 64 128 256] [--lengths 20 100 300]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Hashable
from pathlib import Path
from unittest import mock

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bench_train import TARGETS, ready
from corpus import make_corpus

from cache import CacheReader
from train import FitConfig, HeadShape, read_splits
from train.features.batches import Batch, BatchFeed, load_features
from train.fitting.checkpoint import new_training
from train.fitting.epoch import batches_of_epoch, take_step
from train.fitting.task import plan_fit
from train.fitting.threads import fastest, measured_rates, numbers_to_try
from train.heads.head import new_head
from train.heads.registry import TEMPORAL_MODELS
from train.heads.temporal import gru_cpu
from train.machine import kept_memory, threads_of

MODELS = ("lstm", "gru", "bilstm", "attention")
CASES = (("compact cache, 128 units", 128, 0.1, 128), ("full features, 64 units", 1024, 0.02, 64))
CLIPS = 32  # of a batch
Way, Clock = Hashable, Callable[[], float]


def in_turns(
    ways: dict[Way, Callable[[], None]], turns: int, clock: Clock = time.perf_counter
) -> dict[Way, float]:
    """Return the seconds of each way's fastest turn; the first turn only warms up."""
    found: dict[Way, float] = {}
    for turn in range(turns + 1):
        for name, way in ways.items():
            started = clock()
            way()
            if turn:
                found[name] = min(found.get(name, 1e9), clock() - started)
    return found


def by_threads(case: tuple[str, int, float, int], turns: int, count: int) -> None:
    """Print a model's clips/s with 1 thread, all, and the number that a fit takes."""
    name, width, shift, hidden = case
    most = torch.get_num_threads()
    print(f"\n{name}\n{'':12}{'1 thread':>10}{f'{most} threads':>11}{'default':>10}  takes  default / best")
    with tempfile.TemporaryDirectory() as folder:
        cache, labels = make_corpus(Path(folder), width, shift, 2 * CLIPS * count, 8)
        for model in MODELS:
            config = FitConfig(hidden=hidden, temporal=model, select="last")
            with CacheReader(cache) as reader:
                task = plan_fit(reader, read_splits(labels=labels), config)
                features = load_features(reader, task.clip_ids, config)
                shape = HeadShape(features.width, TARGETS, hidden, temporal=model)
                training = new_training(new_head(shape, 0), config)
                chosen = fastest(measured_rates(training, task, features, numbers_to_try(most)))
                batches = ready(
                    BatchFeed(features, torch.device("cpu"))(batches_of_epoch(task, features, 0)[:count])
                )
            truth = torch.from_numpy(task.truth).float()

            def steps(threads: int, batches=batches, training=training, truth=truth, config=config) -> None:
                with threads_of(threads):
                    for positions, batch in batches:
                        take_step(training, batch, truth[torch.from_numpy(positions)], config, 1e-3)

            ways = {number: lambda number=number: steps(number) for number in numbers_to_try(most)}
            found = in_turns(ways, turns)
            clips = sum(len(positions) for positions, _ in batches)
            rates = {number: clips / seconds for number, seconds in found.items()}
            shown = (rates[1], rates[most], rates[chosen])
            cells = "".join(f"{rate:{room},.0f}" for rate, room in zip(shown, (10, 11, 10), strict=True))
            print(f"{model:12}{cells}{chosen:>7}{rates[chosen] / max(rates.values()):16.2f}", flush=True)


def beside_lstm(widths: list[int], lengths: list[int], turns: int) -> None:
    """Print the GRU's step divided by the LSTM's: ours, and torch's own in brackets."""
    for threads in sorted({1, torch.get_num_threads()}):
        with threads_of(threads):
            print(f"\nGRU step / LSTM step, {threads} thread(s): ours (torch's)")
            print(f"{'units':>6}" + "".join(f"{f'{length} frames':>16}" for length in lengths))
            for width in widths:
                cells = [_ratio(width, length, turns) for length in lengths]
                print(f"{width:6}" + "".join(f"{cell:>16}" for cell in cells), flush=True)


def every_model(widths: list[int], length: int, turns: int) -> None:
    """Print the step of every temporal model divided by the LSTM's, on one thread."""
    print(
        f"\nstep / LSTM step, {length} frames, 1 thread\n{'units':>12}"
        + "".join(f"{width:8}" for width in widths)
    )
    with threads_of(1):
        table = [
            in_turns({name: _step(name, width, length) for name in TEMPORAL_MODELS}, turns, time.process_time)
            for width in widths
        ]
    for name in TEMPORAL_MODELS:
        print(f"{name:12}" + "".join(f"{found[name] / found['lstm']:8.2f}" for found in table), flush=True)


def _step(model: str, width: int, length: int) -> Callable[[], None]:
    """Return a whole training step of a model."""
    channels = max(131, width)
    batch = Batch(
        torch.randn(CLIPS, length, channels), torch.full((CLIPS,), length), torch.randn(CLIPS, channels)
    )
    wanted, config = torch.rand(CLIPS, TARGETS), FitConfig(hidden=width, temporal=model)
    training = new_training(new_head(HeadShape(channels, TARGETS, width, temporal=model), 0), config)

    def step() -> None:
        take_step(training, batch, wanted, config, 1e-3)

    return step


def _ratio(width: int, length: int, turns: int) -> str:
    def way(model: str, ours: bool = True) -> Callable[[], None]:
        take = _step(model, width, length)

        def step() -> None:
            with mock.patch.object(gru_cpu, "is_faster", return_value=ours):
                take()

        return step

    ways = {"lstm": way("lstm"), "ours": way("gru"), "torch": way("gru", ours=False)}
    # The processor's seconds of one thread are less disturbed by others at work than those of the wall.
    found = in_turns(ways, turns, time.process_time if torch.get_num_threads() == 1 else time.perf_counter)
    return f"{found['ours'] / found['lstm']:.2f} ({found['torch'] / found['lstm']:.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--batches", type=int, default=6, help="of each turn of the first tables")
    parser.add_argument("--widths", type=int, nargs="+", default=[32, 64, 128, 256])
    parser.add_argument("--lengths", type=int, nargs="+", default=[20, 100, 300])
    given = parser.parse_args()
    kept_memory()
    for case in CASES:
        by_threads(case, given.turns, given.batches)
    every_model([64, 256], given.lengths[-1], given.turns)
    beside_lstm(given.widths, given.lengths, 2 * given.turns)


if __name__ == "__main__":
    main()
