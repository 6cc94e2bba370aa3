"""The cache against the usual alternatives, on data of the corpus' shape: 346 frames a clip, 1024 channels.

    python tests/bench/bench_cache.py [--clips 1500] [--work FOLDER]

The limit is npy: one flat file a shard, read by position. All figures come from one run; the layouts take turns.
Of the reads the best of several rounds counts, of the writes the median shard.
"""

from __future__ import annotations

import argparse
import os
import pickle  # noqa: TID251 - what people do instead; only bytes written here are read
import shutil
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from pathlib import Path

import h5py
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

from emi_cache import in_shards, lengths  # noqa: E402

from cache import CacheReader, CacheWriter, ClipFeatures, FrameField  # noqa: E402

WIDTH = 1024
FRAMES_PER_SHARD = 64_000_000 // (WIDTH * 2)
ROUNDS = 5  # of reading
WRITE_ROUNDS = 3
READS = 400
POOL = 4096
FIELD = "hidden_states/12"
BLANK = {FIELD: np.zeros(WIDTH, np.float32)}


class Clips:
    """Clips that cost nothing to make: each is a view into one pool of random numbers."""

    def __init__(self, count: int) -> None:
        pool = np.random.default_rng(0).integers(0, 2**15 - 2048, (POOL, WIDTH), np.uint16)
        self._pool = pool.view(np.float16)
        self.frames = lengths(count)
        self.shards = list(in_shards(self.frames, FRAMES_PER_SHARD))
        self.num_bytes = int(self.frames.sum()) * WIDTH * 2

    def __getitem__(self, number: int) -> np.ndarray:
        start = number * 37 % (POOL - int(self.frames[number]))
        return self._pool[start : start + self.frames[number]]


class Layout(ABC):
    """One way to keep clips: written shard by shard with fsync, read by number."""

    name = ""

    def __init__(self, folder: Path, clips: Clips) -> None:
        self.folder = folder / type(self).__name__
        self.clips = clips

    def begin(self) -> None:
        """Make the folder."""
        self.folder.mkdir(parents=True)

    @abstractmethod
    def write(self, index: int, shard: list[int], /) -> None:
        """Write the clips of a shard durably."""

    @abstractmethod
    def open(self) -> None:
        """Get ready to read."""

    @abstractmethod
    def read(self, number: int) -> np.ndarray:
        """Return a clip in a fresh array."""

    def read_into(self, number: int, out: np.ndarray) -> None:
        """Read a clip into a buffer."""
        np.copyto(out, self.read(number))

    def read_shard(self, shard: list[int]) -> int:
        """Read the clips of a shard in order; return bytes."""
        return sum(self.read(number).nbytes for number in shard)


class Npy(Layout):
    """The limit: one flat npy a shard, read by position."""

    name = "npy, flat (the limit)"

    def write(self, index: int, shard: list[int], /) -> None:
        with (self.folder / f"{index}.npy").open("wb", buffering=0) as file:
            np.save(file, np.concatenate([self.clips[number] for number in shard]))
            os.fsync(file.fileno())

    def open(self) -> None:
        self._places = {}
        self._handles = []
        for index, shard in enumerate(self.clips.shards):
            self._handles.append(os.open(self.folder / f"{index}.npy", os.O_RDONLY))
            starts = np.cumsum([0, *self.clips.frames[shard]])
            places = ((index, 128 + int(start) * WIDTH * 2) for start in starts)
            self._places |= dict(zip(shard, places, strict=False))

    def read(self, number: int) -> np.ndarray:
        out = np.empty((self.clips.frames[number], WIDTH), np.float16)
        self.read_into(number, out)
        return out

    def read_into(self, number: int, out: np.ndarray) -> None:
        handle, position = self._places[number]
        os.preadv(self._handles[handle], [out.reshape(-1).view(np.uint8)], position)


class Ours(Layout):
    """This project's cache."""

    store = "hdf5"

    def begin(self) -> None:
        fields = [FrameField(FIELD, WIDTH, np.dtype(np.float16))]
        self._writer = CacheWriter.open(self.folder, {"model": "bench"}, fields, store=self.store)

    def write(self, _index: int, shard: list[int], /) -> None:
        self._writer.commit([self._features(number) for number in shard])

    def _features(self, number: int) -> ClipFeatures:
        frames = {FIELD: self.clips[number]}
        return ClipFeatures(f"{number:05}", frames, BLANK, 1600, -20.0, "0" * 64, {})

    def open(self) -> None:
        self._reader = CacheReader(self.folder)
        self._ids = [f"{number:05}" for number in range(len(self.clips.frames))]

    def read(self, number: int) -> np.ndarray:
        return self._reader.read_frames(self._ids[number], FIELD)

    def read_into(self, number: int, out: np.ndarray) -> None:
        self._reader.read_into(self._ids[number], FIELD, out)


class OursHdf5(Ours):
    """The default back end."""

    name = "ours, HDF5"


class OursZarr(Ours):
    """The other back end."""

    name, store = "ours, Zarr", "zarr"


class NpyPerClip(Layout):
    """A file a clip."""

    name = "npy a clip"

    def write(self, _index: int, shard: list[int], /) -> None:
        for number in shard:
            with (self.folder / f"{number:05}.npy").open("wb", buffering=0) as file:
                np.save(file, self.clips[number])
                os.fsync(file.fileno())

    def open(self) -> None:
        pass

    def read(self, number: int) -> np.ndarray:
        return np.load(self.folder / f"{number:05}.npy")


class Hdf5PerClip(Layout):
    """One HDF5 file with a dataset a clip."""

    name = "HDF5, a dataset a clip"

    def write(self, _index: int, shard: list[int], /) -> None:
        with h5py.File(self.folder / "all.h5", "a") as file:
            for number in shard:
                file.create_dataset(f"{number:05}", data=self.clips[number])
        handle = os.open(self.folder / "all.h5", os.O_RDONLY)
        os.fsync(handle)
        os.close(handle)

    def open(self) -> None:
        self._file = h5py.File(self.folder / "all.h5", "r")

    def read(self, number: int) -> np.ndarray:
        return self._file[f"{number:05}"][...]


class Pickle(Layout):
    """One pickle of a dictionary: everything in memory or nothing."""

    name = "one pickle"

    def write(self, index: int, _shard: list[int], /) -> None:
        if index < len(self.clips.shards) - 1:
            return  # all at the end, or nothing
        with (self.folder / "all.pkl").open("wb") as file:
            pickle.dump({f"{n:05}": self.clips[n] for n in range(len(self.clips.frames))}, file, protocol=5)
            file.flush()
            os.fsync(file.fileno())

    def open(self) -> None:
        with (self.folder / "all.pkl").open("rb") as file:
            self._all = pickle.load(file)

    def read(self, number: int) -> np.ndarray:
        return self._all[f"{number:05}"].copy()


LAYOUTS = (Npy, OursHdf5, OursZarr, NpyPerClip, Hdf5PerClip, Pickle)


def timed_reads(layout: Layout, order: np.ndarray, reused: bool) -> float:
    """Return clips/s."""
    buffer = np.empty((600, WIDTH), np.float16)
    begun = time.perf_counter()
    for number in order.tolist():
        if reused:
            layout.read_into(number, buffer[: layout.clips.frames[number]])
        else:
            layout.read(number)
    return len(order) / (time.perf_counter() - begun)


def timed_shards(layout: Layout) -> float:
    """Return MB/s of reading shards in order."""
    shards = layout.clips.shards[:8]
    begun = time.perf_counter()
    total = sum(layout.read_shard(shard) for shard in shards)
    return total / 1e6 / (time.perf_counter() - begun)


def peak_memory(kind: type[Layout], folder: Path, clips: int) -> float:
    """Return the peak memory [MB] of a fresh process that opens a layout and reads fifty clips."""
    command = [
        sys.executable,
        __file__,
        "--probe",
        kind.__name__,
        "--work",
        str(folder),
        "--clips",
        str(clips),
    ]
    found = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(found.stdout)


def probe(kind: str, folder: Path, clips: int) -> None:
    """Print how much memory reading took beyond what the imports took."""
    layout = next(k for k in LAYOUTS if k.__name__ == kind)(folder, Clips(clips))
    reset_peak()
    before = peak()
    layout.open()
    for number in range(0, clips, max(1, clips // 50)):
        layout.read(number)
    print(peak() - before)


def reset_peak() -> None:
    """Let the peak memory of this process begin at what it uses now."""
    Path("/proc/self/clear_refs").write_text("5")


def peak() -> float:
    """Return the peak memory of this process [MB]."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line)
    return float(line.split()[1]) / 1024


def write_all(folder: Path, clips: Clips) -> dict[str, float]:
    """Write every layout; return MB/s.

    The disk's own speed varies two-fold within seconds: the layouts take turns shard by shard, and the median
    shard counts; for the pickle, which has none, the whole.
    """
    seconds: dict[str, list[float]] = {kind.__name__: [] for kind in LAYOUTS}
    for _ in range(WRITE_ROUNDS):
        layouts = [kind(folder, clips) for kind in LAYOUTS]
        for layout in layouts:
            shutil.rmtree(layout.folder, ignore_errors=True)
            layout.begin()
        os.sync()
        for index, shard in enumerate(clips.shards):
            for turn in range(len(layouts)):
                layout = layouts[(index + turn) % len(layouts)]
                begun = time.perf_counter()
                layout.write(index, shard)
                seconds[type(layout).__name__].append(time.perf_counter() - begun)
    typical = {name: float(np.median(each)) * len(clips.shards) for name, each in seconds.items()}
    typical["Pickle"] = sum(seconds["Pickle"]) / WRITE_ROUNDS
    return {name: clips.num_bytes / 1e6 / each for name, each in typical.items()}


def run(folder: Path, count: int) -> None:
    """Print the table."""
    clips = Clips(count)
    writes = write_all(folder, clips)
    layouts = [kind(folder, clips) for kind in LAYOUTS]
    for layout in layouts:
        layout.open()
        for number in range(count):  # warm, and our checksums done: they are checked on the first reading
            layout.read(number)
    rng = np.random.default_rng(1)
    best: dict[tuple[str, str], float] = {}
    for _ in range(ROUNDS):
        order = rng.integers(0, count, READS)
        for layout in layouts:
            found = {
                "fresh": timed_reads(layout, order, reused=False),
                "reused": timed_reads(layout, order, reused=True),
                "shards": timed_shards(layout),
            }
            for mode, value in found.items():
                key = (type(layout).__name__, mode)
                best[key] = max(value, best.get(key, 0.0))
    print(f"{count} clips, {clips.frames.sum()} frames, {clips.num_bytes / 1e9:.2f} GB; ratios to the limit")
    heads = ("write", "random, fresh", "random, reused", "shards in order")
    print(" " * 24 + "".join(f"{head:>18}" for head in heads) + f"{'memory':>10}{'files':>7}")
    for layout in layouts:
        key = type(layout).__name__
        files = sum(path.is_file() for path in layout.folder.rglob("*"))
        cells = [_cell(writes[key], writes["Npy"], "MB/s")]
        cells += [_cell(best[key, mode], best["Npy", mode], "/s") for mode in ("fresh", "reused")]
        cells += [_cell(best[key, "shards"], best["Npy", "shards"], "MB/s")]
        memory = peak_memory(type(layout), folder, count)
        columns = "".join(f"{cell:>18}" for cell in cells)
        print(f"{layout.name:24}{columns}{memory:>7.0f} MB{files:>7}")
    for store in ("hdf5", "zarr"):
        startup(folder, store)


def _cell(value: float, limit: float, unit: str) -> str:
    return f"{value:.0f} {unit} {value / limit:.2f}"


def startup(folder: Path, store: str) -> None:
    """Print the time and memory that opening 17,246 clips in 200 shards and reading one takes."""
    path = folder / f"many-{store}"
    fields = [FrameField(FIELD, 8, np.dtype(np.float16)), FrameField("vad", 3)]
    writer = CacheWriter.open(path, {"model": "bench"}, fields, store=store)
    frames, vad = np.ones((5, 8), np.float16), np.ones((5, 3), np.float32)
    means = {FIELD: np.ones(8, np.float32), "vad": vad[0]}
    for numbers in np.array_split(np.arange(17_246), 200):
        writer.commit(
            [
                ClipFeatures(
                    f"{n:05}", {FIELD: frames, "vad": vad}, means, 1600, -20.0, "0" * 64, {"vad": vad[0]}
                )
                for n in numbers
            ]
        )
    code = (
        f"import sys, time; sys.path[:0] = {sys.path[:2]!r}; from bench_cache import peak, reset_peak\n"
        "from cache.reader import CacheReader; import cache.shards.hdf5, cache.shards.zarr_reading\n"
        "reset_peak(); before, begun = peak(), time.perf_counter()\n"
        f"reader = CacheReader({str(path)!r}); reader[reader.clip_ids[9000]]\n"
        "print(f'{len(reader)} clips in {len(reader.records)} shards, to the first clip: '\n"
        "      f'{time.perf_counter() - begun:.3f} s, {peak() - before:.0f} MB beyond the imports')"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=env)
    print(f"{store}: {found.stdout.strip()}")
    shutil.rmtree(path)


def main() -> None:
    """Run in a folder of its own, which is removed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--clips", type=int, default=1500)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--probe", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.probe:
        probe(options.probe, options.work, options.clips)
        return
    with tempfile.TemporaryDirectory(dir=options.work) as folder:
        run(Path(folder), options.clips)


if __name__ == "__main__":
    main()
