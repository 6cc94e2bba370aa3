"""The machine that a fit runs on: device, determinism, threads, memory, versions."""

from __future__ import annotations

import ctypes
import os
import platform
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from cache.common.words import counted
from train.errors import ConfigError

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's mallopt
LARGEST = 2**31 - 1  # bytes
SMALL = 2**17
STEPS_BETWEEN = 4  # two looks at how much there is
SLACK = 1e9  # bytes that steps may leave behind
LOADED_LATER = 2e9  # bytes of addresses that libraries and threads still take once features are in memory
LIBRARIES = ("torch", "numpy", "scipy", "scikit-learn", "safetensors")


def choose_device(name: str, *, compact: bool = False) -> torch.device:
    """Return the device called ``name``; "auto" is CUDA where there is one, else the CPU.

    Args:
        name: "auto", "cpu", "cuda" or "cuda:N".
        compact: whether the cache is a compact one; "auto" is the CPU then, which is as quick.

    Raises:
        ConfigError: if there is no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() and not compact else "cpu")
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        found = torch.cuda.device_count()
        raise ConfigError(f"device {name}: found {counted(found, 'CUDA device')}; use --device cpu or auto")
    return device


@contextmanager
def deterministic(device: torch.device) -> Iterator[None]:
    """Same input, machine and threads give the same bits inside; torch's settings are put back afterwards.

    On a CPU nothing that a head does depends on chance, and asking torch for it would load its compiler (2 s).
    On CUDA, TensorFloat-32 is off inside, since cuDNN's LSTM would round its inputs to ten bits.
    """
    if device.type == "cpu":
        yield
        return
    if device.type == "cuda":  # cuBLAS reads this when it starts
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    settings: Any = torch.utils.deterministic  # its one setting is a property that stubs do not know
    before = torch.are_deterministic_algorithms_enabled(), settings.fill_uninitialized_memory
    tf32 = torch.backends.cudnn.allow_tf32
    torch.use_deterministic_algorithms(True)
    settings.fill_uninitialized_memory = False  # we never read what we have not written
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0])
        settings.fill_uninitialized_memory = before[1]
        torch.backends.cudnn.allow_tf32 = tf32


@dataclass
class ThreadChoice:
    """How many CPU threads torch uses inside a ``threads_of``.

    Attributes:
        settled: whether somebody asked for their number, or a fit has measured it.
        rates: what it measured: threads, and clips/s with so many; empty if nothing was.
    """

    settled: bool
    rates: dict[int, float] = field(default_factory=dict)

    def settle(self, count: int, rates: dict[int, float]) -> None:
        """Take ``count`` threads, here and for what is fitted later inside."""
        torch.set_num_threads(count)
        self.settled, self.rates = True, rates


_CHOICE: ContextVar[ThreadChoice | None] = ContextVar("emi_train_threads", default=None)


@contextmanager
def threads_of(count: int | None) -> Iterator[ThreadChoice]:
    """Set torch's CPU threads inside, and put them back; None leaves their number to the first fit inside."""
    before, choice = torch.get_num_threads(), ThreadChoice(count is not None)
    token = _CHOICE.set(choice)
    if count is not None:
        torch.set_num_threads(count)
    try:
        yield choice
    finally:
        _CHOICE.reset(token)
        torch.set_num_threads(before)


@contextmanager
def threads_as_chosen() -> Iterator[ThreadChoice]:
    """Keep to the choice of the ``threads_of`` around this; without one, make it anew, for what is inside."""
    around = choice_around()
    if around is not None:
        yield around
        return
    with threads_of(None) as choice:
        yield choice


def choice_around() -> ThreadChoice | None:
    """Return the choice of the innermost ``threads_of`` around the caller; None if there is none."""
    return _CHOICE.get()


@contextmanager
def one_thread() -> Iterator[None]:
    """Have torch compute with one CPU thread inside: the order of a sum depends on their number."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class KeptMemory:
    """Has this process keep the memory that a step frees, so that the next step need not ask for it again.

    glibc hands large blocks back to the system at once, and fetching them again, page by page, was most of the
    system time of a step (0.3 of 0.3 s for 40 compact steps). What is kept falls into pieces, though, as
    batches differ in length (4 GB after 50 steps of full features): beyond ``SLACK`` it is given back. Under a
    limit of addresses, which pieces use up too, every large block goes back at once. Elsewhere than with glibc
    this does nothing.
    """

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None) if platform.libc_ver()[0] == "glibc" else None
        self._keeps = resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY
        self._held = resident_memory()
        self._steps = 0
        if self._libc is not None:
            for option in (M_TRIM_THRESHOLD, M_MMAP_THRESHOLD):
                self._libc.mallopt(option, LARGEST if self._keeps else SMALL)

    def trim(self) -> None:
        """Give back what no tensor uses, once much of it has gathered; to be called between two steps."""
        self._steps += 1
        if self._steps % STEPS_BETWEEN or self._libc is None or not self._keeps:
            return
        if resident_memory() > self._held + SLACK:
            self._libc.malloc_trim(0)
            self._held = resident_memory()


@cache
def kept_memory() -> KeptMemory:
    """Return the one of this process; the first call sets it up."""
    return KeptMemory()


def resident_memory() -> float:
    """Return the bytes of memory that this process holds now; 0 where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return 0.0
    return float(pages * os.sysconf("SC_PAGE_SIZE"))


def free_memory() -> float:
    """Return the bytes of memory that this process may still use, as far as the system says."""
    free = float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():
        lines = dict(line.split(":", 1) for line in meminfo.read_text().splitlines() if ":" in line)
        free = float(lines["MemAvailable"].split()[0]) * 1024 if "MemAvailable" in lines else free
    limit, used = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")
    if limit.exists() and used.exists() and limit.read_text().strip().isdigit():
        free = min(free, float(limit.read_text()) - float(used.read_text()))
    addresses = resource.getrlimit(resource.RLIMIT_AS)[0]  # what ulimit -v sets
    own = Path("/proc/self/statm")
    if addresses != resource.RLIM_INFINITY and own.exists():
        pages = int(own.read_text().split()[0])
        free = min(free, addresses - float(pages * os.sysconf("SC_PAGE_SIZE")) - LOADED_LATER)
    return max(0.0, free)


def environment(device: torch.device) -> dict[str, Any]:
    """Return what else decides the bits of a result: versions, processor, device, threads."""
    return {
        "python": platform.python_version(),
        "versions": {name: version(name) for name in LIBRARIES},
        "platform": platform.platform(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "threads": torch.get_num_threads(),
    }
