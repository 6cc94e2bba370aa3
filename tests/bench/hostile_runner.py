"""Runs commands of the project one by one in forked processes, and watches each: time, memory, what it opens.

    python tests/bench/hostile_runner.py cache|extract|train    a JSON job a line on stdin, an outcome each back

A process that has imported a tool once is forked for each job, so that a job costs what it does, not its imports.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import struct
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
POLL_SECONDS = 0.02
ABSOLUTE_MB = 1500  # at which a process is ended, so that the machine lives
PRELOADED = {
    "cache": ("cache.__main__", "cache.tools.merge", "cache.tools.verify", "cache.tools.repair", "cache.tools.info",
              "cache.tools.diff", "cache.tools.export", "cache.compaction.command", "h5py", "zarr", "rich.console"),
    "extract": ("extract.__main__", "extract.run.extract", "extract.preflight.plan", "extract.preflight.doctor",
                "extract.encoders.logmel", "extract.run.summary", "soundfile", "av", "soxr", "h5py"),
    "train": ("train.__main__", "torch", "safetensors.torch", "sklearn.linear_model", "scipy.stats", "h5py",
              "train.commands.fit", "train.fitting.fit", "train.report.page", "rich.console"),
}  # fmt: skip


@dataclass
class Outcome:
    """What became of one command.

    Attributes:
        code: its exit code, negative for the signal that ended it.
        seconds: wall clock.
        peak_mb: most memory that it held at once [10^6 bytes].
        ended: why it was ended from outside: time, memory, or nothing.
        out: what it wrote to stdout.
        err: and to stderr.
    """

    code: int
    seconds: float
    peak_mb: float
    ended: str
    out: bytes = field(default=b"", repr=False)
    err: bytes = field(default=b"", repr=False)


class Runner:
    """A tool that is loaded and waits for commands; started again when it has died."""

    def __init__(self, tool: str) -> None:
        self.tool = tool
        self._process: subprocess.Popen[str] | None = None

    def __call__(self, arguments: list[str], folder: Path, seconds: float) -> Outcome:
        """Run the tool with these arguments in a folder, and end it after so many seconds."""
        if self._process is None or self._process.poll() is not None:
            self._process = self._start()
        job = {"arguments": arguments, "folder": str(folder), "seconds": seconds}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        out, err = ((folder / name).read_bytes() for name in (".out", ".err"))
        for name in (".out", ".err"):
            (folder / name).unlink()
        return Outcome(**answer, out=out, err=err)

    def _start(self) -> subprocess.Popen[str]:
        env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
        command = [sys.executable, str(Path(__file__).resolve()), self.tool]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)

    def close(self) -> None:
        """End it."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            self._process.wait()


def serve(tool: str) -> None:
    """Fork for every job on stdin."""
    from importlib import import_module

    sys.path[0] = str(ROOT)
    for name in PRELOADED[tool]:
        with suppress(ImportError):  # of another version of the project
            import_module(name)
    for line in sys.stdin:
        job = json.loads(line)
        child = os.fork()
        if child == 0:
            _run(tool, job)
        print(json.dumps(_watch(child, job["seconds"])), flush=True)


def _run(tool: str, job: dict[str, Any]) -> None:
    """In the child: be the command, to its end."""
    os.setsid()
    os.chdir(job["folder"])
    for name, number in ((".out", 1), (".err", 2)):
        handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(handle, number)
        os.close(handle)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)
    sys.argv = [
        f"emi-{tool}",
        *map(os.fsdecode, (each.encode("utf-8", "surrogateescape") for each in job["arguments"])),
    ]
    code = 1
    try:
        sys.modules[f"{tool}.__main__"].main()
        code = 0
    except SystemExit as stopped:
        code = stopped.code if isinstance(stopped.code, int) else 0 if stopped.code is None else 1
    except BaseException:  # as Python itself would
        import traceback

        traceback.print_exc()
    finally:
        with suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _watch(child: int, seconds: float) -> dict[str, Any]:
    began, peak, ended = time.monotonic(), 0.0, ""
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            break
        peak = max(peak, _peak_mb(child))
        if peak > ABSOLUTE_MB or time.monotonic() - began > seconds:
            ended = "memory" if peak > ABSOLUTE_MB else "time"
            with suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
            break
        time.sleep(POLL_SECONDS if time.monotonic() - began > 0.1 else 0.002)
    return {
        "code": os.waitstatus_to_exitcode(status),
        "seconds": time.monotonic() - began,
        "peak_mb": peak,
        "ended": ended,
    }


def _peak_mb(pid: int) -> float:
    with suppress(OSError, ValueError, IndexError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024 / 1e6
    return 0.0


class Watch:
    """Notes everything that is opened, changed, made or removed in a folder; of Linux (inotify)."""

    MASK = (
        0x1 | 0x2 | 0x4 | 0x20 | 0x40 | 0x80 | 0x100 | 0x200
    )  # access, modify, attrib, open, moves, create, delete

    def __init__(self, folder: Path) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._handle = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        self._names: dict[int, str] = {}
        for path in [folder, *(each for each in folder.rglob("*") if each.is_dir())]:
            number = self._libc.inotify_add_watch(self._handle, os.fsencode(path), self.MASK)
            self._names[number] = path.name

    def close(self) -> list[str]:
        """Return what happened, as ``name: what``."""
        seen: dict[str, None] = {}
        while select.select([self._handle], [], [], 0)[0]:
            data, at = os.read(self._handle, 1 << 16), 0
            while at < len(data):
                number, mask, _, size = struct.unpack_from("iIII", data, at)
                name = data[at + 16 : at + 16 + size].rstrip(b"\0").decode(errors="replace")
                what = {
                    0x1: "read",
                    0x2: "written",
                    0x4: "changed",
                    0x20: "opened",
                    0x100: "made",
                    0x200: "deleted",
                }
                said = [word for bit, word in what.items() if mask & bit] or ["moved"]
                seen[f"{name or self._names.get(number, '?')}: {' '.join(said)}"] = None
                at += 16 + size
        os.close(self._handle)
        return list(seen)


if __name__ == "__main__":
    serve(sys.argv[1])
