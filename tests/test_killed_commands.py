"""Whole commands that are killed and given again leave what undisturbed ones leave; more kills in the bench."""

from __future__ import annotations

import random

import pytest


@pytest.fixture(scope="module")
def made(bench, tmp_path_factory):
    folder = tmp_path_factory.mktemp("kills")
    bench("kill_commands").make_inputs(folder, "zarr")
    return folder


@pytest.mark.parametrize("name", ["update", "merge", "convert", "compact", "import"])
def test_a_command_killed_and_given_again_leaves_what_an_undisturbed_one_does(bench, made, name) -> None:
    kill = bench("kill_commands")
    (job,) = (job for job in kill.jobs("zarr") if job.name == name)
    outcome = kill.torment(made, job, 1, random.Random(0))
    assert (outcome.kills, outcome.problems) == (1, [])


def test_the_bench_sees_what_is_lost_or_left(bench, made, tmp_path) -> None:
    kill = bench("kill_commands")
    whole, less = made / "cache", made / "first"
    assert any("missing" in problem for problem in kill.same_caches(whole, less))
    assert any("left behind" in problem for problem in kill.same_caches(less, whole))
    assert kill.half_done(less, {"c00", "c23"}) == ["lost: c23"]
    for folder, text in ((tmp_path / "a", "1"), (tmp_path / "b", "2")):
        folder.mkdir()
        (folder / "history.csv").write_text(text)
    assert kill.same_runs(tmp_path / "a", tmp_path / "b") == ["history.csv: other bytes"]
