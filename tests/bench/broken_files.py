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
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import soundfile

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from media import voice, write, write_silent_film

from cache import CacheReader, verify

ROOT = Path(__file__).resolve().parents[2]
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
    """Everything that is broken in another way than by a cut: the next of ``KINDS``."""
    make, fitting = KINDS[number % len(KINDS)]
    return make(folder, f"odd{number:04}"), fitting


def _mislabelled(folder: Path, name: str) -> str:
    """Wrong extension: what it is decides, not what it is called."""
    return _put(folder, f"{name}.wav", write(folder.parent / "film.mp4", voice(1.0)).read_bytes())


def _zip(folder: Path, name: str) -> str:
    with zipfile.ZipFile(folder / f"{name}.mp4", "w") as archive:
        archive.writestr("a.txt", "text" * 500)
    return name


def _nan(folder: Path, name: str) -> str:
    sound = voice(1.0)
    sound[500] = np.nan
    soundfile.write(folder / f"{name}.wav", sound, 16_000, subtype="FLOAT")
    return name


def _link(folder: Path, name: str) -> str:
    (folder / f"{name}.wav").symlink_to(folder / "nowhere.wav")
    return name


def _header(start: int, value: bytes) -> Callable[[Path, str], str]:
    """Put bytes into the header of a good wav."""

    def make(folder: Path, name: str) -> str:
        data = bytearray(write(folder / f"{name}.wav", voice(1.0)).read_bytes())
        data[start : start + len(value)] = value
        return _put(folder, f"{name}.wav", bytes(data))

    return make


KINDS: tuple[tuple[Callable[[Path, str], str], frozenset[str]], ...] = (
    (lambda folder, name: _put(folder, f"{name}.mp3", b""), frozenset({"unreadable"})),
    (lambda folder, name: _put(folder, f"{name}.mp4", b""), frozenset({"unreadable"})),
    (lambda folder, name: _put(folder, f"{name}.wav", b"no sound at all\n" * 40), frozenset({"unreadable"})),
    (_mislabelled, frozenset({CACHED})),
    (lambda folder, name: write_silent_film(folder / f"{name}.mp4").stem, frozenset({"no_audio_stream"})),
    (lambda folder, name: write(folder / f"{name}.wav", voice(1.0)[:1]).stem, frozenset({"too_short"})),
    (_zip, frozenset({"unreadable"})),
    (_nan, frozenset({"non_finite"})),
    (_link, frozenset({"not_found", "unreadable"})),
    (_header(24, bytes(4)), ANY),  # 0 Hz
    (_header(24, b"\xff" * 4), ANY),  # 4 GHz
    (_header(22, bytes(2)), ANY),  # no channel
    (
        _header(40, struct.pack("<I", 36_000 * 32_000)),
        frozenset({"damaged"}),
    ),  # ten hours, one second of data
    (_header(0, bytes(range(60, 104))), ANY),  # any bytes for a header
)


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
