"""Turns are taken one at a time."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cache.common.storage.turns import turn


def test_a_turn_is_taken_by_one_at_a_time_and_after_a_while_all_the_same(tmp_path) -> None:
    inside, most = [], []

    def work(_: int) -> None:
        with turn(tmp_path):
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.002)
            inside.pop()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(60)))
    assert max(most) == 1
    with turn(tmp_path), turn(tmp_path, seconds=0.05):
        pass
    with turn(tmp_path):
        child = os.fork()
        if not child:
            time.sleep(20)
            os._exit(0)
    begun = time.monotonic()
    with turn(tmp_path):
        waited = time.monotonic() - begun
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert waited < 10


def test_who_was_stopped_with_the_turn_is_waited_for_once(tmp_path) -> None:
    child = os.fork()
    if not child:
        with turn(tmp_path):
            (tmp_path / "has it").touch()
            time.sleep(60)
        os._exit(0)
    while not (tmp_path / "has it").exists():
        time.sleep(0.01)
    os.kill(child, signal.SIGSTOP)
    with turn(tmp_path, seconds=0.3):
        pass
    begun = time.monotonic()
    for _ in range(5):
        with turn(tmp_path):
            pass
    waited = time.monotonic() - begun
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert waited < 4, "less than one turn's patience for five"
    with turn(tmp_path), ThreadPoolExecutor(1) as pool:
        begun = time.monotonic()
        pool.submit(_wait_for_turn, tmp_path).result()
        assert time.monotonic() - begun > 0.2, "it was seen free: the next one is waited for again"


def _wait_for_turn(folder: Path) -> None:
    with turn(folder, seconds=0.25):
        pass
