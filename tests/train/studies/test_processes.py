"""Processes of a study: one that dies or fails is named, and ends the others."""

from __future__ import annotations

import os
import signal
import time

import pytest

from cache.common.errors import EmiError
from train.errors import RunError
from train.studies.processes import run_all


def test_a_worker_that_dies_is_named():
    def die(position):
        if position:
            os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(RunError, match="two: its process died"):
        run_all(["one", "two"], die, 1, lambda _: None)


def test_a_job_that_fails_is_named_and_ends_the_others():
    def fail(position):
        if position:
            raise EmiError("no such luck")
        time.sleep(60)

    started = time.monotonic()
    with pytest.raises(RunError, match="two: no such luck"):
        run_all(["one", "two"], fail, 2, lambda _: None)
    assert time.monotonic() - started < 30


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (MemoryError("no room"), r"two: out of memory \(no room\); use fewer --workers"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: tried\n80 GB"), "two: out of memory"),
        (OSError(28, "No space left on device"), "two: .*No space left on device"),
    ],
)
def test_a_worker_without_memory_or_space_says_so_in_one_line(error, message, capfd):
    def fail(position):
        if position:
            raise error

    with pytest.raises(RunError, match=message) as caught:
        run_all(["one", "two"], fail, 1, lambda _: None)
    assert "\n" not in str(caught.value)
    assert "Traceback" not in capfd.readouterr().err
