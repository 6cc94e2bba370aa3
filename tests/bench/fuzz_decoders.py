"""Mutated media files against the decoders: every one decodes or is refused with a reason; nothing dies or hangs.

    python tests/bench/fuzz_decoders.py [--seconds 180 --first 0 --json]

Each seed picks a container, a mutation (flipped bits, cuts, swapped or repeated blocks, extreme numbers, two
files joined) and is decoded in a process of its own kind; a seed that kills or stalls that process is printed
with what came of it, and makes the exit code 1. ``--seed N`` runs one seed in this process.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from media import voice, write

from extract.audio.clip_length import clip_seconds
from extract.audio.decode import decode
from extract.audio.headers import read_header
from extract.errors import ClipError
from extract.sources.clips import SourceClip

SUFFIXES = (".wav", ".flac", ".mp3", ".ogg", ".opus", ".aiff", ".m4a", ".mp4", ".mov", ".mkv", ".webm")
EXTREMES = (
    b"\xff\xff\xff\xff",
    b"\x00\x00\x00\x00",
    b"\x7f\xff\xff\xff",
    b"\xff\xff\xff\x7f",
    b"\x80\x00\x00\x00",
)
STALL_SECONDS = 30.0
# Channel layouts that change on the way; the last one comes to 47 channels, of which PyAV makes 64 planes.
KEPT = (3759, 6325, 6452, 7827, 19148, 66093, 75459, 73155)


def make_originals(folder: Path) -> list[bytes]:
    """Return one good file of every container, mono and stereo."""
    originals = []
    for number, suffix in enumerate(SUFFIXES):
        for channels, rate in ((1, 16_000), (2, 48_000)):
            path = folder / f"{number}-{channels}{suffix}"
            originals.append(write(path, voice(1.5, rate, channels, seed=number), rate).read_bytes())
    return originals


def mutate(original: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    """Return a broken version of a file."""
    data = bytearray(original)
    head = min(len(data), 600)
    for _ in range(int(rng.integers(1, 4))):
        kind = int(rng.integers(0, 8))
        place = int(rng.integers(0, max(1, len(data) - 8)))
        size = int(rng.integers(1, max(2, len(data) // 8)))
        if kind == 0:  # flipped bits anywhere
            for spot in rng.integers(0, max(1, len(data)), int(rng.integers(1, 60))):
                data[int(spot)] ^= 1 << int(rng.integers(0, 8))
        elif kind == 1:  # flipped bytes in the header
            for spot in rng.integers(0, max(1, min(head, len(data))), int(rng.integers(1, 8))):
                data[int(spot)] = int(rng.integers(0, 256))
        elif kind == 2:
            del data[place:]
        elif kind == 3:
            del data[place : place + size]
        elif kind == 4:
            data[place:place] = data[place : place + size]
        elif kind == 5:  # an extreme number, mostly in the header
            spot = int(rng.integers(0, max(1, min(head, len(data)) - 4))) if rng.random() < 0.8 else place
            data[spot : spot + 4] = EXTREMES[int(rng.integers(0, len(EXTREMES)))]
        elif kind == 6:
            data[place : place + size] = bytes(size)
        else:
            data[place:] = other[int(rng.integers(0, len(other))) :]
        if len(data) < 8:
            break
    return bytes(data)


def run_seed(seed: int, originals: list[bytes], folder: Path) -> str:
    """Decode one mutated file; return ``cached`` or the reason it is refused with."""
    rng = np.random.default_rng(seed)
    chosen, other = (originals[int(rng.integers(0, len(originals)))] for _ in range(2))
    path = folder / f"seed{seed}{SUFFIXES[int(rng.integers(0, len(SUFFIXES)))]}"
    path.write_bytes(mutate(chosen, other, rng))
    start = float(rng.uniform(0, 1)) if rng.random() < 0.2 else 0.0
    clip = SourceClip("x", path, path.name, start=start)
    try:
        with suppress(ClipError):  # a plan lists it then; a run decodes it all the same
            clip_seconds(clip, read_header(path))
        audio = decode(clip, 12.0 if rng.random() < 0.7 else 0.0)
    except ClipError as error:
        return error.reason
    finally:
        path.unlink()
    if not np.isfinite(audio.samples).all() or audio.samples.ndim != 1:
        raise ValueError("samples that are not finite came through")
    return "cached"


def work(first: int) -> None:
    """Run seeds for ever, telling each before and after; those that once broke something come first."""
    with tempfile.TemporaryDirectory() as scratch:
        originals = make_originals(Path(scratch))
        for seed in itertools.chain(KEPT if first == 0 else (), itertools.count(first)):
            print("start", seed, flush=True)
            print("done", seed, run_seed(seed, originals, Path(scratch)), flush=True)


def watch(first: int, seconds: float) -> tuple[Counter[str], dict[int, str]]:
    """Let a worker run, replacing it after a seed that kills or stalls it."""
    outcomes: Counter[str] = Counter()
    deaths: dict[int, str] = {}
    end, seed = time.monotonic() + seconds, first
    while time.monotonic() < end:
        command = [sys.executable, __file__, "--work", str(seed)]
        worker = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        beat = [time.monotonic()]
        threading.Thread(target=_guard, args=(worker, beat, end), daemon=True).start()
        assert worker.stdout is not None
        for line in worker.stdout:
            beat[0] = time.monotonic()
            if not line.endswith("\n"):
                break  # killed in the middle of a word
            kind, number, *reason = line.split()
            seed = int(number)
            outcomes.update(reason if kind == "done" else ())
        worker.wait()
        if time.monotonic() >= end:
            break
        assert worker.stderr is not None
        deaths[seed] = f"exit {worker.returncode}: {worker.stderr.read().strip()[-300:]}"
        seed = max(1, seed + 1)
    return outcomes, deaths


def _guard(worker: subprocess.Popen[str], beat: list[float], end: float) -> None:
    while worker.poll() is None:
        if time.monotonic() - beat[0] > STALL_SECONDS or time.monotonic() > end:
            worker.kill()
        time.sleep(0.2)


def main() -> None:
    """Run the bench."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=180.0)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--work", type=int)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    if options.work is not None:
        work(options.work)
    if options.seed is not None:
        with tempfile.TemporaryDirectory() as scratch:
            print(run_seed(options.seed, make_originals(Path(scratch)), Path(scratch)))
        return
    outcomes, deaths = watch(options.first, options.seconds)
    if options.json:
        print(json.dumps({"outcomes": outcomes, "deaths": deaths}))
    else:
        print(
            f"{outcomes.total()} mutated files: {dict(outcomes.most_common())}; {len(deaths)} killed the decoder"
        )
        for seed, what in deaths.items():
            print(f"  seed {seed}: {what}")
    sys.exit(bool(deaths))


if __name__ == "__main__":
    main()
