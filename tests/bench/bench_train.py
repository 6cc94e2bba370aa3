"""Training speed beside the plain way: per-clip npy files, a DataLoader, a packed LSTM in float32.

The same optimiser steps are taken in several ways: the plain one, ours in float32 and in bfloat16, the latter
also with frames read batch by batch, as for a cache that does not fit in memory, and ours
on batches that lie ready in memory, which is what no storage can beat. Once for the method's head on full
features, once for a small head on a compact cache. Everything is synthetic and made here.

    python tests/bench/bench_train.py [--threads 2] [--steps 3] [--clips 1200] [--equal] [--device cuda]

``--equal`` makes all clips equally long, where grouping them by length saves nothing. On CUDA take more steps
(``--steps 40``); the plain way stays in float32, without TensorFloat-32, as a fit of ours in float32 is.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from cache import CacheReader
from train import FitConfig, HeadShape
from train.features.batches import Batch, BatchFeed, Features, load_features
from train.features.order import epoch_batches
from train.fitting.checkpoint import new_training
from train.fitting.epoch import take_step
from train.heads.head import new_head
from train.heads.temporal.lstm_cpu import WIDE
from train.machine import choose_device, deterministic, environment, kept_memory
from train.runs.precision import runs_in_bfloat16

EPOCH_CLIPS = 8072
TARGETS = 6


@dataclass(frozen=True)
class Case:
    """What is trained: a head and the shape of its features."""

    name: str
    width: int
    frame_shift: float
    clips: int
    hidden: int | None
    steps: int
    turns: int
    device: torch.device

    def gflop(self, frames: float) -> float:
        """Multiplications and additions of one clip's step: forward once, backward twice."""
        width = self.width + 3
        hidden = self.hidden or width
        joined = width + hidden
        lstm = frames * 4 * hidden * (width + 3 * hidden)
        return 3 * 2 * (lstm + joined * (joined + TARGETS)) / 1e9


@dataclass
class Measured:
    """Clips, seconds and frames of some steps."""

    clips: int = 0
    seconds: float = 0.0
    waited: float = 0.0
    frames: int = 0


class NpyClips(Dataset):
    """One npy file a clip, loaded whole, as most published code does it."""

    def __init__(self, folder: Path, features: Features, reader: CacheReader, targets: torch.Tensor) -> None:
        self._folder, self._ids, self._targets = folder, features.clip_ids, targets
        self._means = features.global_mean
        for clip_id in self._ids:
            parts = [reader.read_frames(clip_id, name) for name in ("hidden_states/12", "vad")]
            np.save(folder / f"{clip_id}.npy", np.concatenate(parts, axis=1).astype(np.float32))

    def __len__(self) -> int:
        return len(self._ids)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        frames = torch.from_numpy(np.load(self._folder / f"{self._ids[index]}.npy"))
        return frames, self._means[index], self._targets[index]


class PackedHead(nn.Module):
    """The method's head as it is usually written."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(width, hidden, num_layers=2, batch_first=True)
        joined = width + hidden
        self.head = nn.Sequential(nn.Linear(joined, joined), nn.Tanh(), nn.Linear(joined, TARGETS))

    def forward(self, frames: torch.Tensor, lengths: torch.Tensor, means: torch.Tensor) -> torch.Tensor:
        packed = nn.utils.rnn.pack_padded_sequence(frames, lengths, batch_first=True, enforce_sorted=False)
        _, (last, _) = self.lstm(packed)
        return self.head(torch.cat([means, last[-1]], dim=1))


def padded(clips: list[tuple[torch.Tensor, ...]]) -> tuple[torch.Tensor, ...]:
    frames, means, targets = zip(*clips, strict=True)
    lengths = torch.tensor([len(each) for each in frames])
    return (
        nn.utils.rnn.pad_sequence(list(frames), batch_first=True),
        lengths,
        torch.stack(means),
        torch.stack(targets),
    )


def plain(case: Case, dataset: NpyClips) -> Measured:
    """Shuffled batches from worker processes, packed, float32."""
    head = PackedHead(case.width + 3, case.hidden or case.width + 3).to(case.device)
    optimiser = torch.optim.AdamW(head.parameters())
    loader = DataLoader(
        dataset, batch_size=32, shuffle=True, collate_fn=padded, num_workers=2, drop_last=True
    )
    found, batches = Measured(), iter(loader)
    some = torch.zeros(2, 4, case.width + 3, device=case.device)
    head(some, torch.tensor([4, 3]), some[:, 0]).sum().backward()
    for _ in range(case.steps):
        started = time.perf_counter()
        frames, lengths, means, targets = next(batches)
        waited = time.perf_counter() - started
        there = frames.to(case.device), lengths, means.to(case.device)
        loss = nn.functional.mse_loss(head(*there), targets.to(case.device))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        loss.item()
        _add(found, lengths.numpy(), time.perf_counter() - started, waited)
    return found


def ours(
    case: Case,
    source: Iterable[tuple[np.ndarray, Batch]],
    features: Features,
    config: FitConfig,
    targets: torch.Tensor,
) -> Measured:
    """The step of a fit, on whatever gives batches."""
    shape = HeadShape(width=features.width, targets=TARGETS, hidden=config.hidden)
    training = new_training(new_head(shape, 0).to(case.device), config)
    found, batches = Measured(), iter(source)
    for step in range(case.steps + 1):
        started = time.perf_counter()
        positions, batch = next(batches)
        waited = time.perf_counter() - started
        wanted = targets[torch.from_numpy(positions)].to(case.device)
        loss = take_step(training, batch, wanted, config, 1e-3)
        loss.value.item()
        if step:
            _add(found, features.lengths[positions], time.perf_counter() - started, waited)
    return found


def _add(found: Measured, lengths: np.ndarray, seconds: float, waited: float) -> None:
    found.clips += len(lengths)
    found.frames += int(lengths.sum())
    found.seconds += seconds
    found.waited += waited


def ready(feed: Iterator[tuple[np.ndarray, Batch]]) -> list[tuple[np.ndarray, Batch]]:
    """Copy batches out of the feed's buffer, so that they lie in memory as tensors."""
    return [
        (positions, Batch(batch.frames.clone(), batch.lengths, batch.global_mean))
        for positions, batch in feed
    ]


def ceiling(dtype: torch.dtype, device: torch.device) -> float:
    """GFLOP/s of torch's own large product of matrices: a yardstick of the machine, not a limit.

    In float32 the kernels of oneDNN's LSTM are faster than it.
    """
    size = 8192 if device.type == "cuda" else 2048
    one, two = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    best = min(_timed(one, two) for _ in range(8))
    return 2 * size**3 / best / 1e9


def _timed(one: torch.Tensor, two: torch.Tensor) -> float:
    started = time.perf_counter()
    (one @ two)[0, 0].item()
    return time.perf_counter() - started


def measure(case: Case, folder: Path, equal: bool) -> None:
    """Make the case's cache, take the steps in every way, and print the table."""
    cache, _ = _corpus().make_corpus(
        folder, case.width, case.frame_shift, case.clips, 0, spread=0.0 if equal else 0.4
    )
    config = FitConfig(hidden=case.hidden, device=str(case.device))
    with CacheReader(cache) as reader:
        features = load_features(reader, reader.clip_ids, config)
        read = load_features(reader, reader.clip_ids, config, budget=0)  # as if it did not fit in memory
        targets = torch.rand(case.clips, TARGETS)
        (folder / "npy").mkdir()
        dataset = NpyClips(folder / "npy", features, reader, targets)
        order = [
            part
            for epoch in range(4)
            for part in epoch_batches(features.lengths, 32, 0, epoch)
            if len(part) == 32
        ]
        order = [order[-1][:2], *order[: case.steps]]  # two clips to warm up
        rough = replace(config, precision="bfloat16")
        ways = {
            "plain way, float32": lambda: plain(case, dataset),
            "ours, float32": lambda: ours(case, _feed(case, features, order), features, config, targets),
            "ours, bfloat16": lambda: ours(case, _feed(case, features, order), features, rough, targets),
            "ours, bfloat16, read": lambda: ours(case, _feed(case, read, order), features, rough, targets),
            "in memory, float32": lambda: ours(
                case, ready(_feed(case, features, order)), features, config, targets
            ),
            "in memory, bfloat16": lambda: ours(
                case, ready(_feed(case, features, order)), features, rough, targets
            ),
        }
        cpu = case.device.type == "cpu"
        if cpu and not runs_in_bfloat16("lstm", min(case.hidden or features.width, WIDE)):
            ways = {name: way for name, way in ways.items() if "bfloat16" not in name}
        # Ways take turns, so that a busy neighbour slows all of them; the best turn of each counts.
        turns = [{name: way() for name, way in ways.items()} for _ in range(case.turns)]
    best = {
        name: min((turn[name] for turn in turns), key=lambda each: each.seconds / each.clips) for name in ways
    }
    tops = {dtype: ceiling(getattr(torch, dtype), case.device) for dtype in ("float32", "bfloat16")}
    show(case, best, tops)


def show(case: Case, best: dict[str, Measured], tops: dict[str, float]) -> None:
    """Print one line for each way."""
    reference = best["plain way, float32"]
    print(
        f"\n{case.name}, {environment(case.device)['device']}, {torch.get_num_threads()} thread(s); "
        f"matrix ceiling {tops['float32']:.0f} / {tops['bfloat16']:.0f} GFLOP/s"
    )
    print(f"{'':22}{'clips/s':>9}{'× plain':>9}{'GFLOP/s':>9}{'ceiling':>9}{'waiting':>9}{'min/epoch':>11}")
    for name, found in best.items():
        rate = found.clips / found.seconds
        gflops = rate * case.gflop(found.frames / found.clips)
        share = gflops / tops["bfloat16" if "bfloat16" in name else "float32"]
        against = (
            rate
            * found.frames
            / found.clips
            / (reference.clips / reference.seconds * reference.frames / reference.clips)
        )
        print(
            f"{name:22}{rate:9.1f}{against:9.2f}{gflops:9.0f}{share:9.0%}{found.waited / found.seconds:9.1%}"
            f"{EPOCH_CLIPS / rate / 60:11.2f}"
        )


def _feed(case: Case, features: Features, order: list[np.ndarray]) -> Iterator[tuple[np.ndarray, Batch]]:
    return BatchFeed(features, case.device)(order)


def _corpus():
    path = Path(__file__).with_name("corpus.py")
    spec = importlib.util.spec_from_file_location("bench_corpus", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--steps", type=int, default=2, help="steps of the method's head, each some seconds")
    parser.add_argument("--clips", type=int, default=1200, help="of the compact cache")
    parser.add_argument("--equal", action="store_true", help="make all clips equally long")
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    kept_memory()
    device, full = choose_device(given.device), max(96, 32 * (given.steps + 2))
    cases = [
        Case("the method's head, full features", 1024, 0.02, full, None, given.steps, 1, device),
        Case("compact cache, 128 units", 128, 0.1, given.clips, 128, given.clips // 32 - 2, 2, device),
    ]
    for case in cases:
        with tempfile.TemporaryDirectory() as folder, deterministic(device):
            measure(case, Path(folder) / "corpus", given.equal)


if __name__ == "__main__":
    main()
