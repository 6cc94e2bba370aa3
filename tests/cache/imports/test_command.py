"""The command emi-cache import."""

from __future__ import annotations

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from cache.__main__ import app
from cache.common.errors import CacheError
from cache.common.progress import silent_phase
from cache.imports.command import run


@pytest.fixture
def emi():
    return lambda *arguments: CliRunner().invoke(app, ["import", *map(str, arguments)])


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in").mkdir()
    for name in ("00042", "7"):
        np.save(tmp_path / "in" / f"{name}.npy", np.ones((3, 4), np.float16))
    return tmp_path / "in"


def test_a_dry_run_says_what_it_understood(emi, folder, tmp_path) -> None:
    done = emi(folder, "--dry-run", "--frame-shift", "0.02")
    assert done.exit_code == 0, done.output
    for words in (
        "2 clips to import",
        "2 npy",
        "00042",
        "float16",
        "3 to 3 a clip",
        "every 20 ms",
        "fields: features",
    ):
        assert words in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]


def test_failures_are_listed_with_exit_code_3(emi, folder, tmp_path) -> None:
    np.save(folder / "empty.npy", np.zeros((0, 4)))
    for options in (["--dry-run"], ["--out", tmp_path / "c"]):
        done = emi(folder, "--frame-shift", "0.02", *options)
        assert done.exit_code == 3
        assert "empty: no_frames: an array (0, 4) has no frame" in done.stdout
    document = json.loads(emi(folder, "--frame-shift", "0.02", "--out", tmp_path / "c", "--json").stdout)
    assert (document["clips"], document["added"]) == (2, 0)
    assert [failure["reason"] for failure in document["failures"]] == ["no_frames"]


def test_long_lists_are_cut_and_terminals_obey_nothing(emi, folder, tmp_path) -> None:
    for number in range(30):
        np.save(folder / f"x{number:02}\x1b[31m.npy", np.zeros((1, 4)))
    done = emi(folder, "--frame-shift", "0.02", "--out", tmp_path / "c")
    assert "30 failed: bad_name 30" in done.stdout
    assert "and 10 more in" in done.stdout
    assert "\x1b" not in done.stdout


def test_a_folder_to_write_to_is_needed(folder) -> None:
    with pytest.raises(CacheError, match="--out names the folder"):
        run([folder], None, {}, dry_run=False, on_phase=silent_phase)


def test_files_that_changed_are_told(emi, folder, tmp_path) -> None:
    emi(folder, "--frame-shift", "0.02", "--out", tmp_path / "c")
    np.save(folder / "7.npy", np.zeros((5, 4), np.float16))
    done = emi(folder, "--frame-shift", "0.02", "--out", tmp_path / "c")
    assert "1 cached clip from files whose size or time has changed since" in done.stdout
