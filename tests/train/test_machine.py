"""What steps leave behind in memory is bounded."""

from __future__ import annotations

import platform
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from train import machine

FRAGMENTS = """
import numpy as np
from train.machine import kept_memory, resident_memory
memory, rng, stay, most = kept_memory(), np.random.default_rng(0), [], 0.0
begun = resident_memory()
for step in range(60):
    blocks = [np.ones(int(size)) for size in rng.integers(2_000_000, 8_000_000, 6)]
    stay.append(np.ones(20_000))
    del blocks
    memory.trim()
    most = max(most, resident_memory() - begun)
print(most / 1e6)
"""


def test_memory_is_given_back_when_much_has_gathered(monkeypatch) -> None:
    held, trims = [1e9], []

    class Libc:
        def mallopt(self, *_: int) -> None: ...

        def malloc_trim(self, _: int) -> None:
            trims.append(held[0])
            held[0] = 1.1e9

    monkeypatch.setattr(machine, "resident_memory", lambda: held[0])
    monkeypatch.setattr(platform, "libc_ver", lambda: ("glibc", "2.36"))
    monkeypatch.setattr(machine.ctypes, "CDLL", lambda _: Libc())
    monkeypatch.setattr(machine, "STEPS_BETWEEN", 1)
    memory = machine.KeptMemory()
    for now in (1.2e9, 1.9e9, 2.1e9, 1.3e9, 2.0e9, 2.2e9):
        held[0] = now
        memory.trim()
    assert trims == [2.1e9, 2.2e9]


def test_under_a_limit_of_addresses_nothing_is_kept(monkeypatch) -> None:
    options = []

    class Libc:
        def mallopt(self, _option: int, value: int) -> None:
            options.append(value)

    monkeypatch.setattr(resource, "getrlimit", lambda _: (2**33, 2**33))
    monkeypatch.setattr(platform, "libc_ver", lambda: ("glibc", "2.36"))
    monkeypatch.setattr(machine.ctypes, "CDLL", lambda _: Libc())
    monkeypatch.setattr(machine, "SLACK", -1.0)
    machine.KeptMemory().trim()
    assert options == [machine.SMALL] * 2


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's malloc")
def test_a_real_process_stays_within_its_slack() -> None:
    root = Path(__file__).resolve().parents[2]
    found = subprocess.run(
        [sys.executable, "-c", FRAGMENTS],
        check=True,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(root)},
    )
    assert float(found.stdout) < 2 * machine.SLACK / 1e6
