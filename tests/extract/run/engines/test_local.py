"""One worker per device: the shards are shared out, and one that cannot start or ends early is named."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from cache.common.errors import StorageError
from extract.options import ExtractOptions
from extract.run import sound_run
from extract.run.engines import local
from extract.run.engines.job import Job
from extract.run.sound_run import SoundRun


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
    code = "import extract.run.engines.local, sys; print([m for m in sys.modules if m.startswith('extract.run.')])"
    loaded = python("-c", code).stdout
    assert "extract.run.shards.pipeline" in loaded
    assert "extract.run.summary" not in loaded
    assert "extract.run.extract'" not in loaded


# Runs in the workers alone, before anything of theirs.
IN_WORKERS = """
import os, signal, sys
if "--multiprocessing-fork" in sys.orig_argv:
    import extract.run.engines.local as workers
    def work(*_):
        {fault}
    workers.work = work
"""


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("raise MemoryError('no room')", "out of memory (no room)"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "killed, as the system does when memory runs out"),
    ],
)
def test_the_shards_of_a_worker_that_ends_early_are_done_by_the_others(
    tmp_path, clips, python, root, fault, reason
) -> None:
    (tmp_path / "sitecustomize.py").write_text(IN_WORKERS.format(fault=fault))
    code = (
        "import os, sys; from extract.__main__ import main\n"
        f"os.environ['PYTHONPATH'] = {os.pathsep.join([str(tmp_path), str(root)])!r}; main()"
    )
    arguments = ["run", str(clips), "--out", str(tmp_path / "c"), "--model", "logmel", "--device", "cpu,cpu"]
    log = tmp_path / "log"
    done = python("-c", code, *arguments, "--shard-mb", "0.02", "--json", "--log-file", str(log))
    assert (done.returncode, done.stderr) == (0, "")
    summary = json.loads(done.stdout)
    note = f"the worker on cpu (worker 1) ended early: {reason}; the others did its shards"
    assert (summary["extracted"], summary["cached"], summary["notes"]) == (12, 12, [note])
    assert note in log.read_text()


class End:
    """A pipe's end that keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[tuple] = []

    def send(self, message) -> None:
        self.sent.append(message)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (MemoryError(), "out of memory (no reason given)"),
        (
            RuntimeError("[enforce fail] can't allocate memory: you tried\nto"),
            "out of memory ([enforce fail] can't",
        ),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), "out of memory (CUDA out of memory."),
        (RuntimeError("can't start new thread"), "out of memory (can't start new thread)"),
        (ImportError("libtorch.so: failed to map segment from shared object"), "out of memory (libtorch.so"),
        (OSError(28, "x", "/a/b"), "/a/b: No space left on device"),
        (OSError(12, "x"), "the system: Cannot allocate memory"),
        (StorageError("cannot write\nx"), "cannot write x"),
        (StorageError(f"{'long ' * 60}; the way out"), f"{'long ' * 60}; the way out"),
    ],
)
def test_what_could_be_foreseen_in_a_worker_is_one_line(monkeypatch, capsys, tmp_path, error, reason) -> None:
    end = End()
    with pytest.raises(SystemExit):
        fail(monkeypatch, end, error, tmp_path)
    [(kind, said)] = end.sent
    assert kind == "error"
    assert said.startswith(reason)
    assert "\n" not in said
    assert "Traceback" not in capsys.readouterr().err


def test_a_fault_of_ours_in_a_worker_is_named_and_shown(monkeypatch, tmp_path) -> None:
    end = End()
    with pytest.raises(TypeError):
        fail(monkeypatch, end, TypeError("one too many"), tmp_path)
    assert end.sent == [("error", "a fault of this program, TypeError: one too many")]


def fail(monkeypatch, end: End, error: Exception, out: Path) -> None:
    (out / "cache.json").touch()

    def load(_options: object) -> None:
        raise error

    monkeypatch.setattr(sound_run, "load_encoder", load)
    monkeypatch.setattr(local, "_end_with", lambda _parent: None)
    local._work(Job("cpu", SoundRun(out, ExtractOptions())), end)
