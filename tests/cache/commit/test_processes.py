"""A process that wrote a file: alive, gone, or another one that got its id."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time

from cache.commit import processes
from cache.commit.processes import STARTED, host_name, is_dead, is_gone
from cache.common import durable


def test_who_wrote_a_file_is_alive_until_it_is_gone() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert not is_gone(child.pid)
    assert is_dead(host_name(), child.pid, time.time()) is False
    child.communicate()
    assert is_gone(child.pid)
    assert is_dead(host_name(), child.pid, time.time()) is True
    assert is_dead("elsewhere", child.pid, 0.0) is None


def test_a_zombie_and_what_is_no_process_id_are_gone() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    end = time.time() + 30
    while not is_gone(child.pid) and time.time() < end:  # it has ended; its parent has not asked yet
        time.sleep(0.01)
    assert child.returncode is None
    assert is_gone(child.pid)
    child.wait()
    for pid in (0, -1, 2**31, 10**30):
        assert is_gone(pid)
    assert not is_gone(os.getpid())


def test_a_file_from_before_this_process_is_of_another_one_with_its_id() -> None:
    assert is_dead(host_name(), os.getpid(), STARTED + 1) is False
    assert is_dead(host_name(), os.getpid(), STARTED - 1) is True


def test_names_of_temporary_files_tell_host_and_process(tmp_path) -> None:
    name = durable.tmp_path(tmp_path / "x.h5").name.split(".")
    assert name[:2] == ["x", "h5"]
    assert (name[2], name[3]) == (host_name(), str(os.getpid()))


def test_temporary_folders_of_killed_processes_are_removed(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    mine = tmp_path / f"kind-{processes.host_name()}.{os.getpid()}.a"
    others = [tmp_path / f"kind-{processes.host_name()}.x.b", tmp_path / "kind-elsewhere.5.c"]
    dead = tmp_path / f"kind-{processes.host_name()}.{2**22 + 13}.d"
    for folder in (mine, dead, *others):
        folder.mkdir()
    assert mine.name.startswith(processes.temporary_prefix("kind"))
    assert sorted(tmp_path.iterdir()) == sorted([mine, *others])
