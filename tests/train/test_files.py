"""Two fits into one folder, a full disk, a file system without locks, and what is forced to the disk when."""

from __future__ import annotations

import errno
import logging
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from train import fit
from train.errors import RunError
from train.files import lock_folder


def test_the_second_of_two_fits_says_that_the_folder_is_taken(cli, corpus, tmp_path, monkeypatch):
    monkeypatch.setattr("train.files.LOCK_PATIENCE", 0.0)
    out = tmp_path / "run"
    out.mkdir()
    args = ["fit", corpus.cache, "--labels", corpus.labels, "--out", out, "--epochs", 1, "--hidden", 3]
    with lock_folder(out):
        code, _, err = cli(*args)
        assert (code, len(err.splitlines())) == (1, 1)
        assert "another fit is writing this folder" in err
        assert cli(*args, "--overwrite")[0] == 1
    assert cli(*args)[0] == 0


def test_a_killed_fit_does_not_keep_its_folder(corpus, splits, small, tmp_path, quiet):
    out = tmp_path / "run"
    code = (
        "import sys; from pathlib import Path; from train.files import lock_folder; import time\n"
        "with lock_folder(Path(sys.argv[1])): print('locked', flush=True); time.sleep(60)"
    )
    out.mkdir()
    with subprocess.Popen([sys.executable, "-c", code, str(out)], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout.readline() == "locked\n"
        os.kill(owner.pid, signal.SIGKILL)
    started = time.monotonic()
    assert fit(corpus.cache, splits, small, out, progress=quiet).path == out
    assert time.monotonic() - started < 30
    assert not (out / ".lock").exists()


def test_a_folder_of_something_else_gets_no_lock(corpus, splits, small, tmp_path, quiet):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(RunError, match="holds files that are no run"):
        fit(corpus.cache, splits, small, tmp_path, progress=quiet)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_an_error_of_the_work_is_not_laid_to_the_lock(tmp_path):
    with pytest.raises(FileNotFoundError, match="elsewhere"), lock_folder(tmp_path):
        (tmp_path / "elsewhere").read_bytes()


FULL = """
import resource, sys
import train.__main__
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop(1)),) * 2)
train.__main__.main()
"""


def test_a_full_disk_is_one_line_and_the_fit_goes_on_later(python, cli, corpus, tmp_path):
    """A limit of the size of files stands for the disk: the library that writes tensors meets it."""
    args = ["fit", corpus.cache, "--labels", corpus.labels, "--hidden", 64, "--epochs", 2, "--batch-size", 8]
    args += ["--threads", 1, "--out", tmp_path / "run"]
    done = python("-c", FULL, "20000", *map(str, args))
    assert (done.returncode, "Traceback" in done.stderr) == (1, False), done.stderr
    assert done.stderr.splitlines()[-1].startswith(f"error: cannot write {tmp_path / 'run'}/")
    assert not (tmp_path / "run" / "metrics.json").exists()
    assert not [path for path in (tmp_path / "run").iterdir() if path.name.startswith(".")]
    assert cli(*args)[0] == 0
    assert cli(*args[:-1], tmp_path / "fresh")[0] == 0
    for name in ("head.safetensors", "metrics.json", "predictions.csv"):
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "fresh" / name).read_bytes()


def test_a_full_disk_ends_an_ablation_in_one_line(python, corpus, tmp_path):
    (tmp_path / "grid.toml").write_text("[base]\nhidden = 64\nepochs = 1\n[grid]\nlstm_layers = [1, 2]\n")
    args = ["ablate", corpus.cache, "--labels", corpus.labels, "--grid", tmp_path / "grid.toml", "--seeds", 1]
    done = python("-c", FULL, "20000", *map(str, args), "--workers", "2", "--out", str(tmp_path / "out"))
    assert (done.returncode, "Traceback" in done.stderr) == (1, False), done.stderr
    assert re.match(
        rf"error: {tmp_path}/out/runs/.*: cannot write .*checkpoint", done.stderr.splitlines()[-1]
    )


def test_without_locks_a_fit_goes_on_and_says_so(corpus, splits, small, quiet, tmp_path, monkeypatch, caplog):
    def no_locks(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.flock", no_locks)
    config = replace(small, epochs=1, lstm=False)
    with caplog.at_level(logging.WARNING):
        assert fit(corpus.cache, splits, config, tmp_path / "run", progress=quiet).path == tmp_path / "run"
    assert "the file system has no locks (No locks available)" in caplog.text


def test_the_metrics_are_on_the_disk_after_everything_else(
    corpus, splits, small, quiet, tmp_path, monkeypatch
):
    forced = []

    def fsync(folder):
        forced.append((folder, {path.name for path in folder.iterdir()}))

    for module in ("train.files", "train.checksums", "train.runs.claim"):
        monkeypatch.setattr(f"{module}.fsync_folder", fsync)
    out, config = tmp_path / "new" / "run", replace(small, epochs=1, lstm=False)
    fit(corpus.cache, splits, config, out, progress=quiet)
    assert [folder for folder, _ in forced] == [tmp_path, tmp_path / "new", out, out]
    before, after = forced[-2][1], forced[-1][1]
    assert after - before == {"metrics.json"}
    assert {"head.safetensors", "predictions.csv", "checksums.json", "environment.json"} < before
    forced.clear()
    fit(corpus.cache, splits, replace(config, seed=5), out, overwrite=True, progress=quiet)
    assert "metrics.json" not in forced[0][1], "gone from the disk before its head is"
    assert "head.safetensors" in forced[0][1]
