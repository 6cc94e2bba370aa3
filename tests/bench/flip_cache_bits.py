"""Every bit of every file of a small cache, flipped one at a time: named by verify and refused, or of no effect.

python tests/bench/flip_cache_bits.py [--kinds zarr] [--every 1] [--also-every 16] [--processes 2]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from cache import (  # noqa: E402
    CacheReader,
    CacheWriter,
    ClipFeatures,
    EmiError,
    Failure,
    FrameField,
    repair,
    verify,
)
from cache.common.console import json_ready  # noqa: E402
from cache.compaction.command import run as run_compact  # noqa: E402
from cache.compaction.options import MeasureOptions  # noqa: E402
from cache.compaction.projection import Projection  # noqa: E402
from cache.tools.info import info  # noqa: E402
from cache.tools.repair import mend_description  # noqa: E402

KINDS = ("hdf5", "zarr", "compact")
FIELDS = (FrameField("hidden_states/2", 18, np.dtype(np.float16)),)
IDS = ("00001", "ä/2", "00003")
CHUNK = 400  # bits a task


def make(kind: str, path: Path) -> Path:
    """Write a small cache of one shard, with a failed clip."""
    store = kind if kind != "compact" else "hdf5"
    full = path if kind != "compact" else path.with_name("full")
    writer = CacheWriter.open(full, {"model": "bits", "max_seconds": 12.0}, FIELDS, store=store)
    rng = np.random.default_rng(0)
    clips = []
    for clip_id in IDS:
        frames = {f.name: rng.normal(size=(4, f.width)).astype(np.float32) for f in FIELDS}
        means = {name: values.mean(axis=0) for name, values in frames.items()}
        clips.append(
            ClipFeatures(clip_id, frames, means, 1999, -21.5, "0", {"vad": np.ones(3, np.float32)}, "x.wav")
        )
    writer.commit(clips)
    if kind == "compact":
        run_compact(
            *(full, path),
            given={"pool": 2, "project": 2},
            **{"fit_on": None, "like": None, "max_gb": None, "measured": MeasureOptions(measure=False)},
            on_phase=lambda _: lambda *_: None,
        )
        writer = CacheWriter.open(path, CacheReader(path).recipe, [])
    writer.fail(Failure("bad", "bad.wav", "decode", "damaged", "half of it is missing", time=5.0))
    for name in ("leases", "writers"):
        shutil.rmtree(path / name, ignore_errors=True)
    return path


def digest(value: Any) -> str:
    """Return a short text that tells different values apart."""
    return hashlib.sha256(repr(value).encode()).hexdigest()[:16]


def clip_numbers(path: Path) -> dict[str, str]:
    """Return, for each clip, what a reader gives for it."""
    with CacheReader(path) as reader:
        return numbers_of(reader)


def numbers_of(reader: CacheReader) -> dict[str, str]:
    """Return the same of an open reader."""
    numbers = {}
    for clip_id in reader.clip_ids:
        clip = reader[clip_id]
        parts = [clip.frames, clip.global_mean, clip.clip]
        values = [
            (k, np.asarray(v).dtype.str, np.asarray(v).tobytes()) for p in parts for k, v in sorted(p.items())
        ]
        numbers[clip_id] = digest((values, reader.num_frames(clip_id)))
    return numbers


def everything(path: Path) -> dict[str, str]:
    """Return all that a reader gives: clips, tables, fields, recipe, and the projection of a compact cache."""
    with CacheReader(path) as reader:
        numbers = numbers_of(reader)
        numbers |= {name: digest(reader.clip_table(name).tolist()) for name in reader.clip_level_names}
        numbers["description"] = digest((reader.description, dict(reader.recipe)))
        if reader.recipe.projection_sha256:
            projection = Projection.load(path)
            axes = [
                (k, *(np.asarray(v).tobytes() for v in vars(a).values())) for k, a in projection.axes.items()
            ]
            numbers["projection"] = digest((projection.pool, projection.fitted_on, projection.asked, axes))
            numbers["report"] = digest(json.loads((path / "compact.json").read_text(errors="replace")))
    return numbers


def information(path: Path) -> str:
    """Return what ``emi-cache info`` says; a damaged list of failures says so itself."""
    told = info(path)
    if told["damaged_failure_lines"]:
        raise EmiError("damaged lines")
    return digest(json.dumps(json_ready(told), default=str))


@dataclass
class Outcome:
    """What flipping bits did.

    Attributes:
        bits: tried.
        named: of these, found by verify.
        refused: of these, refused by the reader.
        repaired: tried with ``verify --repair`` and a prediction too.
        kept: clips that it kept, of all those there were in these.
        problems: silent changes of numbers, foreign exceptions, and refusals that verify does not name.
    """

    bits: int = 0
    named: int = 0
    refused: int = 0
    repaired: int = 0
    kept: int = 0
    problems: list[str] = field(default_factory=list)

    def add(self, other: Outcome) -> None:
        """Count another one in."""
        for name in ("bits", "named", "refused", "repaired", "kept"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.problems += other.problems


@dataclass
class Bench:
    """One copy of a cache, whose bits one process flips.

    Attributes:
        path: of the copy.
        before: what it holds.
        predicted: predictions of a head from a cache, or None where none is fitted.
        report_is_read: whether ``compact.json`` counts as read, as verify does it.
    """

    path: Path
    predicted: Callable[[Path], str] | None
    before: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.before = everything(self.path)
        self.clips = clip_numbers(self.path)
        self.told = information(self.path)
        self.predictions = self.predicted(self.path) if self.predicted else ""

    def flip(self, file: Path, bit: int, outcome: Outcome, also: bool) -> None:
        """Flip one bit, look, and put it right again."""
        original = file.read_bytes()
        data = bytearray(original)
        data[bit // 8] ^= 1 << bit % 8
        file.write_bytes(data)
        where = f"{file.relative_to(self.path)}, bit {bit}"
        try:
            self._look(where, outcome, also or "shards" not in file.parts or file.suffix == ".json")
            if also:
                self._predict(where, outcome)
                self._repair(where, outcome)
        finally:
            file.write_bytes(original)

    def _look(self, where: str, outcome: Outcome, with_info: bool) -> None:
        found = self._tried(where, outcome, "verify", lambda: verify(self.path).findings)
        is_named = found is None or bool(found)
        read = self._tried(where, outcome, "reader", lambda: everything(self.path))
        told = self._tried(where, outcome, "info", lambda: information(self.path)) if with_info else self.told
        outcome.bits, outcome.named, outcome.refused = (
            outcome.bits + 1,
            outcome.named + is_named,
            outcome.refused + (read is None),
        )
        is_report = where.startswith("compact.json") and is_named  # read by people, and by verify
        if read is not None and read != self.before and not is_report:
            changed = [name for name in {*read, *self.before} if read.get(name) != self.before.get(name)]
            outcome.problems.append(f"{where}: other numbers without a word: {', '.join(changed)[:200]}")
        if told is not None and told != self.told:
            outcome.problems.append(f"{where}: info says something else")
        if (read is None or told is None) and not is_named:
            outcome.problems.append(f"{where}: refused, and verify names nothing")

    def _predict(self, where: str, outcome: Outcome) -> None:
        if self.predicted:
            predictions = self._tried(where, outcome, "predict", lambda: self.predicted(self.path))
            if predictions is not None and predictions != self.predictions:
                outcome.problems.append(f"{where}: other predictions")

    def _repair(self, where: str, outcome: Outcome) -> None:
        copy = self.path.with_name(self.path.name + "-repaired")
        shutil.copytree(self.path, copy)
        outcome.repaired += 1
        try:
            self._tried(
                where,
                outcome,
                "verify --repair",
                lambda: (mend_description(copy), repair(copy, verify(copy))),
            )
            kept = self._tried(where, outcome, "reader after --repair", lambda: clip_numbers(copy)) or {}
            outcome.kept += len(kept)
            if not kept.items() <= self.clips.items():
                outcome.problems.append(f"{where}: other numbers after --repair")
            if len(kept) < len(self.clips) - 1:
                outcome.problems.append(f"{where}: --repair kept {len(kept)} of {len(self.clips)} clips")
        finally:
            shutil.rmtree(copy)

    def _tried(self, where: str, outcome: Outcome, what: str, do: Callable[[], Any]) -> Any:
        try:
            return do()
        except EmiError:
            return None
        except Exception as error:
            if what == "reader" and where.startswith("compact.json"):
                return None
            outcome.problems.append(f"{where}: {what}: {type(error).__name__}: {error!s:.200}")
            return None


def files_of(path: Path) -> list[Path]:
    """Return all files of a cache that decide something: but the card, which is for people."""
    return sorted(item for item in path.rglob("*") if item.is_file() and item.name != "README.md")


def bits_of(path: Path, every: int) -> Iterator[tuple[str, int]]:
    """Yield (file, bit) of all bits, or of every so many."""
    counter = 0
    for file in files_of(path):
        for bit in range(8 * file.stat().st_size):
            if counter % every == 0:
                yield file.relative_to(path).as_posix(), bit
            counter += 1


def predictor(path: Path, folder: Path) -> Callable[[Path], str]:
    """Fit a small head on a cache; return what gives its predictions as text."""
    from train import FitConfig, fit, predict, read_splits
    from train.runs.run_folder import load_run

    labels = folder / "labels.csv"
    rows = zip(IDS, ("train", "train", "valid"), (0.1, 0.7, 0.4), strict=True)
    labels.write_text("clip_id,split,Joy\n" + "".join(f"{i},{split},{joy}\n" for i, split, joy in rows))
    config = FitConfig(hidden=2, epochs=1, select="last", device="cpu", vad=False)
    fit(path, read_splits(labels=labels), config, folder / "run")
    run = load_run(folder / "run")
    return lambda cache: digest(predict(run, cache, IDS, device="cpu").values.tolist())


_bench: Bench | None = None


def _start(original: Path, folder: Path, with_head: bool) -> None:
    global _bench  # noqa: PLW0603 - one for each process
    own = Path(tempfile.mkdtemp(dir=folder))
    shutil.copytree(original, own / "c")
    _bench = Bench(own / "c", predictor(own / "c", own) if with_head else None)


def _try(task: tuple[list[tuple[str, int]], int]) -> Outcome:
    bits, also_every = task
    outcome = Outcome()
    for number, (name, bit) in enumerate(bits):
        _bench.flip(_bench.path / name, bit, outcome, bool(also_every) and number % also_every == 0)
    return outcome


def flip_all(
    kind: str, folder: Path, every: int, also_every: int, processes: int, with_head: bool
) -> Outcome:
    """Flip the bits of a small cache of one kind, in several processes."""
    path = make(kind, folder / kind)
    bits = list(bits_of(path, every))
    random.Random(0).shuffle(bits)  # so that a run that is stopped has looked everywhere
    bits.sort(key=lambda bit: "shards/" in bit[0] and not bit[0].endswith(".json"))
    tasks = [(bits[start : start + CHUNK], also_every) for start in range(0, len(bits), CHUNK)]
    outcome, arguments = Outcome(), (path, folder, with_head)
    if processes == 0:
        _start(*arguments)
        for task in tasks:
            outcome.add(_try(task))
        return outcome
    with multiprocessing.get_context("spawn").Pool(processes, _start, arguments) as pool:
        for done, part in enumerate(pool.imap_unordered(_try, tasks), start=1):
            outcome.add(part)
            if done % 25 == 0:
                so_far = f"{outcome.bits} of {len(bits)} bits, {len(outcome.problems)} problems"
                print(f"{kind}: {so_far}", file=sys.stderr, flush=True)
    return outcome


def main() -> int:
    """Print what was met; 1 when anything must not be."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kinds", nargs="+", default=KINDS, choices=KINDS)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument(
        "--also-every", type=int, default=16, help="bits from one --repair and prediction to the next"
    )
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--without-head", action="store_true")
    parser.add_argument("--folder", type=Path, default=None)
    options = parser.parse_args()
    problems = 0
    for kind in options.kinds:
        begun = time.perf_counter()
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            found = flip_all(
                kind,
                Path(folder),
                options.every,
                options.also_every,
                options.processes,
                not options.without_head,
            )
        print(
            f"{kind}: {found.bits} bits in {time.perf_counter() - begun:.0f} s, {found.named} named by verify, "
            f"{found.refused} refused by the reader, {found.kept} of {len(IDS) * found.repaired} clips kept by "
            f"--repair, {len(found.problems)} problems",
            flush=True,
        )
        kinds = Counter(problem.split(": ", 1)[1][:70] for problem in found.problems)
        for problem, count in kinds.most_common(20):
            print(f"  {count} × {problem}")
        for problem in found.problems[:10]:
            print(f"    {problem}")
        problems += len(found.problems)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
