"""A hostile cache, data folder, run folder and encoder against every command: nothing outside may notice.

    python tests/bench/hostile.py [--only TEXT --commands TEXT --kinds cache,zarr,… --every N --list --json]

Each door is tried from each command that looks at such a thing, in a process of its own. Nothing outside may be
read, written, deleted or fetched (inotify, a snapshot, a listening socket, secrets that must not turn up), and none
may take 10 s longer than with sound input, more than 500 MB (``emi-train``: 250 MB more than it takes on sound
input), end in a traceback or a signal, or print what a terminal obeys. Exit code 1 if any does.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

import hostile_doors as doors
import hostile_inputs as inputs
from hostile_doors import CANARY, Door, Place, make_outside
from hostile_runner import ROOT, Outcome, Runner, Watch

SECONDS = 10.0  # more than with sound input
MEGABYTES = 500
TRAIN_MEGABYTES = 250  # more than emi-train takes with sound input
USAGE = 2
CODES = {0, 1, USAGE, 3, 75}
LABELS = "--labels labels.csv"
STUDY = f"{LABELS} --epochs 1 --hidden 4"
FIT = f"{STUDY} --no-vad --threads 1"
# Command → what of the place it looks at; %c stands for the hostile cache, @ for the folder to be in.
COMMANDS: dict[str, tuple[str, ...]] = {
    "cache info %c": ("cache",),
    "cache info %c --json": ("cache",),
    "cache info %c --labels labels.csv": ("labels",),
    "cache verify %c": ("cache",),
    "cache verify %c --json": ("cache",),
    "cache verify %c --repair": ("cache",),
    "cache diff sound %c": ("cache",),
    "cache merge sound %c --out ../out/merged": ("cache",),
    "cache merge %c sound --out ../out/merged": ("cache",),
    "cache merge sound --out %c": ("cache",),
    "cache convert %c ../out/converted --backend zarr": ("cache",),
    "cache convert sound %c --backend hdf5": ("cache",),
    "cache compact %c ../out/small --project 4 --no-measure": ("cache",),
    "cache compact sound %c --project 4 --no-measure": ("cache",),
    "cache compact sound ../out/small --like %c --no-measure": ("cache",),
    "cache export %c ../out/exported --no-parquet": ("cache",),
    "extract plan source --out %c --model logmel": ("cache", "source", "table"),
    "extract run source --out %c --model logmel": ("cache",),
    "extract run more --out %c --model logmel": ("cache",),
    "extract run source --out %c --model logmel --update": ("cache",),
    "extract run source --out ../out/new --model logmel --json": ("source",),
    "extract run source --out ../out/new --model logmel": ("source",),
    "extract@source run . --out ../../out/new --model logmel": ("source",),
    "extract@source plan . --out ../../out/new --model logmel": ("source",),
    "extract plan source/m.csv --out ../out/new --model logmel": ("table",),
    "extract run source/m.csv --out ../out/new --model logmel --log-file ../out/log": ("table",),
    "extract doctor --model logmel --out %c": ("cache",),
    "extract plan more --out ../out/new --model encoder": ("encoder",),
    "extract run more --out ../out/new --model encoder --device cpu": ("encoder",),
    f"train fit %c --out ../out/fitted {FIT}": ("cache", "labels"),
    f"train fit sound --out run {FIT}": ("run",),
    f"train fit sound --out run {FIT} --overwrite": ("run",),
    "train predict run %c --out ../out/predicted.csv": ("cache", "run"),
    "train evaluate run %c --labels labels.csv --permutations 0": ("cache", "run", "labels"),
    f"train baseline %c --out ../out/baselines {LABELS}": ("cache", "labels"),
    f"train ablate %c --out ../out/ablated {STUDY} --grid grid.toml --seeds 1": ("cache",),
    f"train fidelity sound %c --out ../out/fidelity {LABELS} --hidden 4 --epochs 1 --seeds 1": ("compact",),
    f"train fit sound --out ../out/fitted --config config.json {FIT}": ("config",),
    f"train fit sound --out ../out/fitted --config config.toml {FIT}": ("config",),
    f"train ablate sound --out ../out/ablated {STUDY} --grid grid.toml --seeds 1": ("config",),
    "train reproduce run": ("run", "cache"),
    "train bundle run --out ../out/bundle.zip": ("run",),
    "train report run --out ../out/report": ("run",),
    "train report run": ("run",),
}  # fmt: skip
KINDS: dict[str, tuple[str, Callable[[], Iterator[Door]], str]] = {
    "cache": ("cache", doors.cache_doors, "cache"),
    "shard": ("cache", doors.shard_doors, "cache"),
    "zarr": ("cache", doors.zarr_doors, "zarr"),
    "compact": ("cache compact", doors.compact_doors, "compact"),
    "source": ("source", inputs.source_doors, "cache"),
    "table": ("table", inputs.table_doors, "cache"),
    "labels": ("labels", inputs.label_doors, "cache"),
    "config": ("config", inputs.config_doors, "cache"),
    "run": ("run", inputs.run_doors, "cache"),
    "encoder": ("encoder", inputs.encoder_doors, "cache"),
}


@dataclass
class Fault:
    """What went wrong when a door was tried from a command."""

    door: str
    command: str
    problems: list[str]


@dataclass
class Kit:
    """Sound inputs to be made hostile one at a time, the loaded tools, and what sound input takes.

    Attributes:
        folder: for everything that is made.
        runners: by tool.
        usual: command → what became of it with sound input.
    """

    folder: Path
    runners: Mapping[str, Runner] = field(
        default_factory=lambda: {tool: Runner(tool) for tool in ("cache", "extract", "train")}
    )
    usual: dict[str, Outcome] = field(default_factory=dict)

    def __enter__(self) -> Kit:
        self._server = socket.create_server(("127.0.0.1", 0))
        self._fetched: list[str] = []
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for runner in self.runners.values():
            runner.close()
        self._server.close()

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            self._fetched.append("fetched")
            connection.close()

    def attempt(self, command: str, door: Door, base: str = "cache") -> list[str]:
        """Return what is wrong with a command that is given hostile input."""
        make = door[1]
        with tempfile.TemporaryDirectory(dir=self.folder) as case:
            place = self._place(Path(case), base)
            try:
                make(place)
            except (FileNotFoundError, KeyError, IndexError) as error:
                return [f"the kit cannot make this door ({error!r})"]
            usual = self.usual.get(f"{command} {base}") or self._usual(command, base)
            return self._watched(command, place, usual)

    def _place(self, case: Path, base: str) -> Place:
        shutil.copytree(self.folder / "sound", case / "inside", symlinks=True)
        if base != "cache":
            shutil.rmtree(case / "inside" / "cache")
            shutil.copytree(case / "inside" / base, case / "inside" / "cache")
        make_outside(case / "outside")
        (case / "out").mkdir()
        return Place(case / "inside", case / "outside", self._server.getsockname()[1])

    def _usual(self, command: str, base: str) -> Outcome:
        with tempfile.TemporaryDirectory(dir=self.folder) as case:
            outcome = self._run(command, self._place(Path(case), base), 300.0)
        if outcome.code == USAGE:
            raise SystemExit(f"the kit's own command is wrong: {command}: {outcome.err.decode()}")
        self.usual[f"{command} {base}"] = outcome
        return outcome

    def _run(self, command: str, place: Place, seconds: float) -> Outcome:
        tool, *arguments = command.replace("%c", "cache").split()
        tool, _, folder = tool.partition("@")
        return self.runners[tool](arguments, place.inside / folder, seconds)

    def _watched(self, command: str, place: Place, usual: Outcome) -> list[str]:
        self._fetched.clear()
        before = snapshot(place)
        watch = Watch(place.outside)
        outcome = self._run(command, place, usual.seconds + SECONDS)
        problems = [f"outside, {what}" for what in watch.close()[:3]] + self._fetched[:1]
        problems += [f"outside: {name} is another one" for name in sorted(before ^ snapshot(place))[:3]]
        return [*problems, *judged(command, outcome, usual), *_leaks(place)]


def judged(command: str, outcome: Outcome, usual: Outcome) -> Iterator[str]:
    """Yield what is wrong with how a command ended, and with what it printed."""
    limit = usual.peak_mb + TRAIN_MEGABYTES if command.startswith("train") else MEGABYTES
    if outcome.ended == "time":
        yield f"hangs: more than {outcome.seconds:.0f} s"
    elif outcome.ended or outcome.peak_mb > limit:
        yield f"takes {outcome.peak_mb:.0f} MB"
    elif outcome.code not in CODES:
        yield f"exit code {outcome.code}"
    shown = (outcome.out + outcome.err).decode(errors="surrogateescape")
    if "Traceback (most recent call last)" in shown:
        yield "traceback: " + shown.strip().splitlines()[-1][:120]
    obeyed = {
        sign for sign in shown if unicodedata.category(sign) in ("Cc", "Zl", "Zp") and sign not in "\n\t"
    }
    obeyed |= {
        sign
        for sign in shown
        if unicodedata.bidirectional(sign) in ("RLO", "LRO", "RLE", "LRE", "RLI", "LRI")
    }
    if obeyed:
        yield f"prints {sorted(obeyed)!a}"
    if CANARY in shown:
        yield "shows what stands in a file outside"
    if " --json" in command and outcome.code in (0, 3):
        try:
            json.loads(outcome.out)
        except ValueError as error:
            yield f"prints no JSON ({error})"


def snapshot(place: Place) -> set[str]:
    """Return all names beside what was received, with size, time and target."""
    found = set()
    for path in place.inside.parent.rglob("*"):
        if place.inside not in (path, *path.parents) and place.inside.parent / "out" not in (
            path,
            *path.parents,
        ):
            status = path.lstat()
            found.add(
                f"{path.name} {status.st_size} {status.st_mtime_ns}" if path.is_file() else f"{path.name}"
            )
    return found


def _leaks(place: Place) -> Iterator[str]:
    """Yield the files of the output that hold what stands in a file outside."""
    for path in sorted((place.inside.parent / "out").rglob("*")):
        is_small = path.is_file() and not path.is_symlink() and path.stat().st_size < 1 << 24
        if is_small and CANARY.encode() in path.read_bytes():
            yield f"copies a file from outside into {path.name}"
        if (
            path.parent.name == "shards"
            and path.suffix == ".json"
            and "x" in json.loads(path.read_text())["clip_ids"]
        ):
            yield "caches a list of other files as a clip"


def make_sound(folder: Path, wanted: set[str]) -> None:
    """Make the sound inputs: clips, labels, a cache; ``zarr``, ``compact``, ``run`` and ``encoder`` if wanted."""
    import soundfile

    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for where, count in (("source", 12), ("more", 2)):
        (folder / where).mkdir()
        for number in range(count):
            name = f"{'c' if where == 'source' else 'm'}{number:02}.wav"
            soundfile.write(folder / where / name, 0.1 * rng.normal(size=8000), 16_000)
    rows = [
        f"c{n:02},{'train' if n < 8 else 'valid'},{rng.random():.3f},{rng.random():.3f}" for n in range(12)
    ]
    soundfile.write(folder / "sound.mp3", 0.1 * rng.normal(size=8000), 16_000, format="MP3")
    (folder / "labels.csv").write_text("\n".join(["clip_id,split,joy,fear", *rows]) + "\n")
    (folder / "source" / "m.csv").write_text("clip_id,path\na,c00.wav\n")
    (folder / "config.json").write_text('{"lr": 0.001}')
    (folder / "config.toml").write_text("lr = 0.001\n")
    (folder / "grid.toml").write_text("[base]\nvad = false\n[grid]\nlr = [0.001, 0.002]\n")
    steps = {
        "zarr": "cache convert cache zarr --backend zarr",
        "compact": "cache compact cache compact --project 4",
        "run": f"train fit cache --out run {FIT}",
    }
    chosen = [step for name, step in steps.items() if name in wanted]
    for step in ["extract run source --out cache --model logmel", *chosen]:
        tool, *arguments = step.split()
        run = subprocess.run(
            [sys.executable, "-m", tool, *arguments], cwd=folder, capture_output=True, text=True, check=False,
            env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        if run.returncode not in (0, 3):
            raise SystemExit(f"{step}: {run.stdout}{run.stderr}")
    shutil.copytree(folder / "cache", folder / "sound")
    if "encoder" in wanted:
        sys.path.insert(0, str(ROOT))
        from extract.demo.tiny_encoder import save_tiny_encoder

        save_tiny_encoder(folder / "encoder", 0)


def needed(chosen: list[tuple[str, Door, str]]) -> set[str]:
    """Return which sound inputs some cases need."""
    tools = {"run" for command, _, _ in chosen if command.startswith("train")}
    return (
        tools
        | {base for _, _, base in chosen}
        | {"encoder" for command, _, _ in chosen if "encoder" in command}
    )


def cases(
    kinds: list[str], only: str, commands: str, every: int, first: int = 0
) -> Iterator[tuple[str, Door, str]]:
    """Yield (command, door, which cache stands there)."""
    number = 0
    for kind in kinds:
        looked_at, make, base = KINDS[kind]
        for door in make():
            for command, looks_at in COMMANDS.items():
                fits = re.search(only, door[0]) and re.search(commands, command)
                if set(looked_at.split()) & set(looks_at) and fits:
                    number += 1
                    if number % every == first % every:
                        yield command, door, base


def main() -> None:
    """Try them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="", help="doors whose name fits this regular expression")
    parser.add_argument("--commands", default="", help="commands that fit this one")
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--every", type=int, default=1, help="only each n-th case")
    parser.add_argument("--first", type=int, default=0, help="with --every: n more, another part of them")
    parser.add_argument("--list", action="store_true", help="name the cases and end")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    chosen = list(cases(args.kinds.split(","), args.only, args.commands, args.every, args.first))
    if args.list:
        print("\n".join(f"{door[0]!a} <- {command}" for command, door, _ in chosen))
        return
    faults: list[Fault] = []
    with tempfile.TemporaryDirectory(prefix="hostile-") as folder:
        make_sound(Path(folder) / "sound", needed(chosen))
        with Kit(Path(folder)) as kit:
            for number, (command, door, base) in enumerate(chosen, 1):
                problems = kit.attempt(command, door, base)
                if problems:
                    faults.append(Fault(door[0], command, problems))
                    print(
                        f"{door[0]!a} <- emi-{command}: {'; '.join(problems)!a}", file=sys.stderr, flush=True
                    )
                if number % 200 == 0:
                    print(f"{number}/{len(chosen)}", file=sys.stderr, flush=True)
    report(len(chosen), faults, args.json)
    raise SystemExit(bool(faults))


def report(tried: int, faults: list[Fault], as_json: bool) -> None:
    """Say how many were tried, and what failed."""
    if as_json:
        print(json.dumps({"tried": tried, "faults": [vars(fault) for fault in faults]}, indent=2))
        return
    print(f"{tried} cases, {len(faults)} faults")
    for problem, count in Counter(p.split(":")[0] for fault in faults for p in fault.problems).most_common():
        print(f"  {count:5} {problem}")


if __name__ == "__main__":
    main()
