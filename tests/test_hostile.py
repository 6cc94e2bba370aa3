"""A small version of the hostile kit: some doors of a cache and of tables, from some commands of each kind."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

DOORS = (
    r"^(leases|failures|damaged)/ is a link|x\.jsonl is own pipe|^compact\.json is secret|ledger with|"
    r"a field called '\.\.'|recipe with escape|a huge pid|that is a pattern|HDF5: groups"
)
COMMANDS = r"info %c --json|repair|merge %c|export|extract run more"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kit watches files with inotify")
def test_some_doors_of_a_cache_from_some_commands(python, root: Path) -> None:
    kit = str(root / "tests/bench/hostile.py")
    done = python(kit, "--kinds", "cache,shard", "--only", DOORS, "--commands", COMMANDS, "--json")
    found = json.loads(done.stdout)
    assert found["faults"] == []
    assert found["tried"] >= 40
    assert done.returncode == 0, done.stderr


@pytest.fixture
def kit(bench):
    """The kit's own modules."""
    return {name: bench(name) for name in ("hostile_runner", "hostile_doors", "hostile")}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kit watches files with inotify")
def test_the_kit_sees_what_is_done_outside(kit, tmp_path) -> None:
    outside = tmp_path / "outside"
    kit["hostile_doors"].make_outside(outside)
    for act, seen in (
        ((outside / "secret").read_bytes, "secret: opened"),
        (lambda: (outside / "secret").write_bytes(b"x"), "secret: written"),
        ((outside / "secret").unlink, "secret: deleted"),
        ((outside / "new").touch, "new: made"),
        (lambda: os.listdir(outside), "outside: opened"),
    ):
        watch = kit["hostile_runner"].Watch(outside)
        act()
        assert seen in watch.close()
    watch = kit["hostile_runner"].Watch(outside)
    os.lstat(outside / "new")
    assert watch.close() == []


@pytest.mark.parametrize(
    ("outcome", "problem"),
    [
        ({"ended": "time"}, "hangs"),
        ({"ended": "memory"}, "takes"),
        ({"peak_mb": 501.0}, "takes 501 MB"),
        ({"code": -11}, "exit code -11"),
        ({"err": b"Traceback (most recent call last):\nKeyError"}, "traceback: KeyError"),
        ({"out": b"a\x1b[31m"}, "prints"),
        ({"out": "\u202e".encode()}, "prints"),
        ({"out": b"CANARY-8d1f"}, "shows what stands in a file outside"),
        ({"out": b"{"}, "prints no JSON"),
        ({"out": b"{}"}, None),
        ({"code": 1, "err": b"error: no\n"}, None),
    ],
)
def test_the_kit_judges_how_a_command_ends(kit, outcome, problem) -> None:
    make = kit["hostile_runner"].Outcome
    sound = {"code": 0, "seconds": 1.0, "peak_mb": 100.0, "ended": "", "out": b"{}"}
    found = list(kit["hostile"].judged("cache info %c --json", make(**{**sound, **outcome}), make(**sound)))
    assert (found == []) is (problem is None)
    assert problem is None or found[0].startswith(problem)
