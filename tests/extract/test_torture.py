"""Small versions of the benches that break things: broken files, mutated files, kills."""

from __future__ import annotations

import json


def test_broken_files_are_cached_rightly_or_listed(python, root) -> None:
    bench = str(root / "tests/bench/broken_files.py")
    done = python(bench, "--broken", "56", "--good", "11", "--silent", "2", "--json")
    report = json.loads(done.stdout)
    assert report["problems"] == []
    assert report["broken"] == 56


def test_mutated_files_kill_nothing(python, root) -> None:
    done = python(str(root / "tests/bench/fuzz_decoders.py"), "--seconds", "6", "--json")
    report = json.loads(done.stdout)
    assert report["deaths"] == {}
    assert sum(report["outcomes"].values()) > 20


def test_kills_at_random_instants_cost_a_shard_at_most(python, root) -> None:
    done = python(str(root / "tests/bench/kill_extract.py"), "--clips", "60", "--kills", "3", "--json")
    report = json.loads(done.stdout)
    assert report["problems"] == []
    assert report["left_over_files"] == []
    assert max(report["clips_lost_by_a_kill"]) <= 2 * report["clips_in_the_largest_shard"]
