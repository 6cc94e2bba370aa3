"""One worker per device: the shards are shared out, and one that cannot start is named."""

from __future__ import annotations

import json


def test_two_workers_on_the_cpu_make_the_same_cache(
    assert_same, start_run, tmp_path, clips, reference, tiny_encoder
) -> None:
    run = start_run(clips, tmp_path / "c", str(tiny_encoder), "--device", "cpu,cpu", "--json")
    stdout, stderr = run.communicate(timeout=120)
    assert run.returncode == 0, stderr
    assert json.loads(stdout)["extracted"] == 12
    assert_same(reference, tmp_path / "c")
    assert "Traceback" not in stderr


def test_a_worker_that_cannot_start_is_one_line(start_run, tmp_path, clips, tiny_encoder) -> None:
    run = start_run(clips, tmp_path / "c", str(tiny_encoder), "--device", "cpu,cuda:7")
    _, stderr = run.communicate(timeout=120)
    assert run.returncode == 1
    assert "cuda:7" in stderr
    assert len(stderr.strip().splitlines()) == 1


def test_a_worker_loads_neither_the_entry_nor_the_summary(python) -> None:
    code = "import extract.run.workers, sys; print([m for m in sys.modules if m.startswith('extract.run.')])"
    loaded = python("-c", code).stdout
    assert "extract.run.pipeline" in loaded
    assert "extract.run.summary" not in loaded
    assert "extract.run.extract'" not in loaded
