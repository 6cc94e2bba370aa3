"""Two hundred deliberately broken files among good and silent ones: each is cached rightly or listed with a reason.

    python tests/bench/broken_files.py [--broken 200 --good 50 --silent 10 --json]

Exit code 1 when a good or silent clip is missing, a broken one has a reason that does not fit, or the command
does not end with 3.
"""

from __future__ import annotations

import argparse
import json
import struct
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from media import voice, write, write_silent_film

from cache import CacheReader, verify

ALL = (".wav", ".flac", ".mp3", ".ogg", ".opus", ".aiff", ".m4a", ".mp4", ".mov", ".mkv", ".webm")
ANY = frozenset({"unreadable", "damaged", "no_audio_stream", "too_short"})
CACHED = "cached"


def make_good(folder: Path, count: int, silent: int) -> None:
    """Write good and silent clips in every container."""
    for number in range(count):
        rate, channels = ((16_000, 1), (48_000, 2))[number % 2]
        seconds = 0.4 + 0.1 * (number % 9)
        write(
            folder / f"good{number:03}{ALL[number % len(ALL)]}", voice(seconds, rate, channels, number), rate
        )
    for number in range(silent):
        write(folder / f"silent{number:03}{('.wav', '.flac')[number % 2]}", 0 * voice(0.5))


def make_broken(folder: Path) -> Iterator[tuple[str, frozenset[str]]]:
    """Write broken files, ever new ones, and yield each name with the outcomes that fit it."""
    number = 0
    originals = {s: write(folder.parent / f"original{s}", voice(3.0, seed=7)).read_bytes() for s in ALL}
    while True:
        for (
            suffix,
            data,
        ) in originals.items():  # truncated at every tenth: a cut may still hold what it promises
            for tenth in range(1, 10):
                number += 1
                yield _put(folder, f"cut{number:04}{suffix}", data[: len(data) * tenth // 10]), ANY | {CACHED}
                if number % 3 == 0:
                    name, fitting = _special(folder, number // 3)
                    yield name, fitting


def _put(folder: Path, name: str, data: bytes) -> str:
    (folder / name).write_bytes(data)
    return Path(name).stem


def _special(folder: Path, number: int) -> tuple[str, frozenset[str]]:
    """Everything that is broken in another way than by a cut."""
    path = folder / f"odd{number:04}.wav"
    kind = number % 13
    sound = voice(1.0, seed=number)
    if kind == 0:
        return _put(folder, f"empty{number:04}{ALL[number % len(ALL)]}", b""), frozenset({"unreadable"})
    if kind == 1:
        return _put(folder, path.name, b"no sound at all\n" * 40), frozenset({"unreadable"})
    if kind == 2:  # wrong extension: what it is decides, not what it is called
        film = write(folder.parent / "film.mp4", sound).read_bytes()
        return _put(folder, path.name, film), frozenset({CACHED})
    if kind == 3:
        return write_silent_film(path.with_suffix(".mp4")).stem, frozenset({"no_audio_stream"})
    if kind == 4:
        return write(path, sound[:1]).stem, frozenset({"too_short"})
    if kind == 5:
        with zipfile.ZipFile(path.with_suffix(".mp4"), "w") as archive:
            archive.writestr("a.txt", "text" * 500)
        return path.stem, frozenset({"unreadable"})
    if kind == 6:
        sound[500] = np.nan
        soundfile.write(path, sound, 16_000, subtype="FLOAT")
        return path.stem, frozenset({"non_finite"})
    data = bytearray(write(path, sound).read_bytes())
    if kind == 7:  # 0 Hz
        data[24:28] = struct.pack("<I", 0)
    elif kind == 8:  # ten hours in the header, one second in the file
        data[40:44] = struct.pack("<I", 36_000 * 32_000)
        return _put(folder, path.name, bytes(data)), frozenset({"damaged"})
    elif kind == 9:  # no channel
        data[22:24] = struct.pack("<H", 0)
    elif kind == 10:  # random bytes behind a good header
        data[:44] = bytes(np.random.default_rng(number).integers(0, 256, 44, dtype=np.uint8))
    elif kind == 11:  # 4 GHz
        data[24:28] = struct.pack("<I", 0xFFFFFFFF)
    else:
        path.unlink()
        path.symlink_to(folder / "nowhere.wav")
        return path.stem, frozenset({"not_found", "unreadable"})
    return _put(folder, path.name, bytes(data)), ANY


def main() -> None:
    """Run the bench."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, default in (("broken", 200), ("good", 50), ("silent", 10)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        clips, out = Path(scratch, "clips"), Path(scratch, "cache")
        clips.mkdir()
        make_good(clips, options.good, options.silent)
        source = make_broken(clips)
        fitting = dict(next(source) for _ in range(options.broken))
        report = run(clips, out, fitting, options.good + options.silent)
    print(json.dumps(report) if options.json else report_text(report))
    sys.exit(bool(report["problems"]))


def run(clips: Path, out: Path, fitting: dict[str, frozenset[str]], healthy: int) -> dict[str, object]:
    """Extract, and compare what came of every clip with what fits it."""
    command = [sys.executable, "-m", "extract", "run", str(clips), "--out", str(out), "--model", "logmel"]
    started = time.monotonic()
    done = subprocess.run(
        [*command, "--json"], cwd=ROOT, capture_output=True, text=True, timeout=600, check=False
    )
    seconds = time.monotonic() - started
    problems = [] if done.returncode == 3 else [f"exit code {done.returncode}: {done.stderr[-500:]}"]
    if not done.stdout:
        return {"problems": problems}
    outcomes = {failure["clip_id"]: failure["reason"] for failure in json.loads(done.stdout)["failures"]}
    messages = {failure["clip_id"]: failure["message"] for failure in json.loads(done.stdout)["failures"]}
    reader = CacheReader(out)
    outcomes |= dict.fromkeys(reader.clip_ids, CACHED)
    present = [clip_id for clip_id in reader.clip_ids if clip_id.startswith(("good", "silent"))]
    if len(present) != healthy or any(
        not reader.clip_table("clips/silent", [c])[0] for c in present if c[0] == "s"
    ):
        problems.append(f"{len(present)} of {healthy} good and silent clips are cached as they should be")
    for clip_id, reasons in fitting.items():
        if outcomes.get(clip_id) not in reasons:
            got = f"{outcomes.get(clip_id)} ({messages.get(clip_id)})"
            problems.append(f"{clip_id}: {got}, expected one of {', '.join(sorted(reasons))}")
    problems += [str(finding) for finding in verify(out).findings]
    if "Traceback" in done.stderr or len(done.stderr.splitlines()) > 5:
        problems.append(f"stderr: {done.stderr[-500:]}")
    counts = Counter(outcomes[clip_id] for clip_id in fitting if clip_id in outcomes)
    return {
        "broken": len(fitting),
        "healthy": healthy,
        "outcomes": counts,
        "seconds": seconds,
        "problems": problems,
    }


def report_text(report: dict[str, object]) -> str:
    """Return the report as lines."""
    lines = [f"{key}: {value}" for key, value in report.items() if key != "problems"]
    problems = report["problems"]
    assert isinstance(problems, list)
    return "\n".join([*lines, f"problems: {len(problems)}", *(f"  {problem}" for problem in problems)])


if __name__ == "__main__":
    main()
