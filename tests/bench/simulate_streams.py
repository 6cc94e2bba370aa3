"""Corpora of streams whose labels are built: does the table of an ablation find what they were built from?

    python tests/bench/simulate_streams.py [--built sum product gate] [--train 2000 --valid 1000 --seeds 5]

Three streams: "audio" and "text" each carry hidden values, three a clip, "face" is noise. A label is, with noise of
half its size, the sum of one value of either, their product, or that of the audio where that of the text is
positive. Two tables: every set of the three streams, fused by concat; and fusions of audio and text.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from cache import CacheWriter, ClipFeatures
from cache.format.schema import FrameField
from train import FitConfig, Splits, read_splits
from train.files import write_csv
from train.heads.registry import ALL_FUSIONS
from train.report.table import build_table
from train.studies.ablation import ablate
from train.studies.grid import Row, fusion_rows, stream_rows
from train.studies.options import StudyOptions
from train.studies.scored import score_rows
from train.studies.study import Study

FloatArray = npt.NDArray[np.float64]
TARGETS, WIDTH, FRAMES = 3, 8, 3
NOISE = 0.5  # of a label, in standard deviations of what it is built from
BUILT: dict[str, Callable[[FloatArray, FloatArray], FloatArray]] = {
    "sum": lambda a, b: (a + b) / np.sqrt(2),
    "product": lambda a, b: a * b,
    "gate": lambda a, b: np.where(b > 0, a, 0) * np.sqrt(2),
}
SHOWN = ("concat", "late", "gated", "query", "tensor", "low-rank")
BASE = FitConfig(lstm=False, standardise="train", epochs=30, lr=3e-3)


class Corpus(NamedTuple):
    """Streams by name, and labels."""

    streams: dict[str, Path]
    labels: Splits


def make_corpus(folder: Path, built: str, train: int, valid: int) -> Corpus:
    """Write three streams; the labels are built from two of them."""
    rng = np.random.default_rng(0)
    clips = train + valid
    hidden = {name: rng.standard_normal((clips, TARGETS)) for name in ("audio", "text")}
    nothing = rng.standard_normal((clips, TARGETS))
    streams = {
        name: _write(folder / name, name, values, rng) for name, values in {**hidden, "face": nothing}.items()
    }
    truth = BUILT[built](hidden["audio"], hidden["text"]) + NOISE * rng.standard_normal((clips, TARGETS))
    names = [f"{built} {number}" for number in range(1, TARGETS + 1)]
    for split, part in (("train", range(train)), ("valid", range(train, clips))):
        rows = ([f"{clip:05}", *map(repr, truth[clip].tolist())] for clip in part)
        write_csv(folder / f"{split}_split.csv", ["clip_id", *names], rows)
    return Corpus(streams, read_splits(labels=folder))


def _write(path: Path, name: str, values: FloatArray, rng: np.random.Generator) -> Path:
    """Write a stream whose frames are its hidden values in other directions, and noise."""
    mixed = values @ rng.standard_normal((TARGETS, WIDTH))
    writer = CacheWriter.open(path, {"model": name}, [FrameField(name, WIDTH, np.dtype(np.float32))])
    clips = []
    for number, clip in enumerate(mixed):
        frames = (clip + 0.3 * rng.standard_normal((FRAMES, WIDTH))).astype(np.float32)
        means = {name: frames.mean(0)}
        clips.append(
            ClipFeatures(f"{number:05}", {name: frames}, means, 400, -20.0, f"{number:064}", clip={})
        )
    writer.commit(clips)
    return path


def of_streams(corpus: Corpus, out: Path, seeds: int, workers: int, base: FitConfig = BASE) -> Study:
    """Fit a row for every set of the three streams."""
    return _fitted(
        corpus.streams, corpus.labels, stream_rows(base, list(corpus.streams)), out, seeds, workers
    )


def of_fusions(
    corpus: Corpus, out: Path, seeds: int, workers: int, shown: Sequence[str] = SHOWN, base: FitConfig = BASE
) -> Study:
    """Fit a row for each of some fusions of audio and text, and for either alone."""
    two = {name: corpus.streams[name] for name in ("audio", "text")}
    rows = [row for row in fusion_rows(base, list(two)) if row.name in shown or row.name.endswith(" alone")]
    return _fitted(two, corpus.labels, rows, out, seeds, workers)


def _fitted(
    streams: dict[str, Path], labels: Splits, rows: list[Row], out: Path, seeds: int, workers: int
) -> Study:
    name = "+".join(sorted(streams))
    return ablate({name: streams}, labels, rows, StudyOptions(out, range(seeds), workers))


def main() -> None:
    """Print both tables of each corpus."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--built", nargs="+", choices=list(BUILT), default=list(BUILT))
    parser.add_argument("--fusions", nargs="+", choices=list(ALL_FUSIONS), default=list(SHOWN))
    parser.add_argument("--tables", nargs="+", choices=["streams", "fusions"], default=["streams", "fusions"])
    parser.add_argument("--train", type=int, default=2000)
    parser.add_argument("--valid", type=int, default=1000)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    for built in options.built:
        with tempfile.TemporaryDirectory() as name:
            folder, started = Path(name), time.perf_counter()
            corpus = make_corpus(folder, built, options.train, options.valid)
            how = (options.seeds, options.workers)
            for table in options.tables:
                if table == "streams":
                    study = of_streams(corpus, folder / table, *how)
                else:
                    study = of_fusions(corpus, folder / table, *how, options.fusions)
                print(f"\nlabels are the {built}\n{build_table(study, score_rows(study)).text()}")
            print(f"{time.perf_counter() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main()
