"""Two fits into one folder: the second says so, and a killed first one leaves nothing in its way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

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
