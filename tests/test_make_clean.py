"""``make clean`` removes what ``make`` made, and nothing of anybody else."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest


@pytest.fixture
def clean(root: Path, tmp_path: Path):
    """Run ``make clean`` in a folder that has nothing but the Makefile."""
    checkout = tmp_path / "checkout"
    for package in ("cache", "extract", "train", "tests"):
        (checkout / package).mkdir(parents=True)
    shutil.copy(root / "Makefile", checkout)

    def run(*variables: str) -> str:
        done = subprocess.run(
            ["make", "-s", "clean", *variables], cwd=checkout, capture_output=True, text=True, check=True
        )
        return done.stdout

    return run


@pytest.mark.parametrize("demo", [False, True])
def test_a_home_is_left_but_for_what_the_demo_wrote(clean, tmp_path, demo) -> None:
    home = tmp_path / "home of me"
    (home / "photos").mkdir(parents=True)
    (home / "thesis.tex").write_text("years of work")
    if demo:
        (home / "media").mkdir()
        (home / "demo.json").write_text("{}")
    said = clean(f"DEMO={home}", f"VENV={home / 'photos'}")
    assert sorted(path.name for path in home.iterdir()) == ["photos", "thesis.tex"]
    assert ("holds no demo, left as it is" in said) == (not demo)
    assert "was not made by make setup, left as it is" in said


def test_a_demo_and_an_environment_of_make_go(clean, tmp_path) -> None:
    demo, environment = tmp_path / "checkout" / "data" / "demo", tmp_path / "checkout" / ".venv"
    for folder in (demo / "cache" / "shards", demo / "run", environment / "bin"):
        folder.mkdir(parents=True)
    (demo / "demo.json").write_text("{}")
    assert clean() == ""
    assert not demo.exists()
    assert not environment.exists()
    assert demo.parent.exists()
