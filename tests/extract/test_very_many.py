"""Very many clips: what opening, planning and committing cost grows no faster than the clips do, small."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cache import CacheReader
from cache.format import index_file


@pytest.fixture
def simulate(root, python, tmp_path):
    """Take a step of the simulation on a cache of so many clips, in a process of its own."""

    def take(clips: int, step: str) -> dict[str, float]:
        arguments = ["--folder", str(tmp_path / f"{clips}"), "--clips", str(clips), "--clips-per-shard", "10"]
        (tmp_path / f"{clips}").mkdir(exist_ok=True)
        done = python(str(root / "tests/bench/simulate_scale.py"), *arguments, "--step", step)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout or "{}")

    return take


def test_the_simulation_holds_together_and_leaves_an_index(simulate, tmp_path) -> None:
    clips = 10 * index_file.MIN_SHARDS
    simulate(clips, "media")
    simulate(clips, "shards")
    planned = simulate(clips, "plan")
    assert (planned["to_do"], planned["touched"]) == (0, 0)
    opened = simulate(clips, "open")
    assert opened["clips"] == clips
    assert opened["processor_seconds"] < 5
    cache = Path(tmp_path / str(clips) / "cache")
    assert (cache / index_file.FILE).exists() or len(list((cache / "shards").glob("*.json"))) == clips // 10
    assert len(CacheReader(cache).records) == clips // 10
    committed = simulate(clips, "commit")
    assert committed["commit_processor_ms"] < 50


def test_on_paper_a_hundred_times_the_clips_need_a_hundred_times_as_much(root, python) -> None:
    def on_paper(clips: int) -> dict[str, float]:
        done = python(str(root / "tests/bench/scale_on_paper.py"), "--clips", str(clips))
        assert done.returncode == 0, done.stderr
        rows = (line.rsplit(maxsplit=1) for line in done.stdout.splitlines())
        return {name.strip(): float(value.replace(",", "")) for name, value in rows}

    some, many = on_paper(10**6), on_paper(10**8)
    for name in ("sound [h]", "shards", "features [TB]", "encoder [$]"):
        assert many[name] == pytest.approx(100 * some[name], rel=0.01)
    assert many["making it [$ per 1,000 h of sound]"] == some["making it [$ per 1,000 h of sound]"]
