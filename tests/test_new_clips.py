"""New clips to intensities by a finished run: what stands in the training cache gets the same to the last digit."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from cache import CompactOptions, compact
from extract import EncoderOptions, ExtractOptions, extract, options_like
from train import FitConfig, fit, load_run, predict, read_splits
from train.runs.bundle import bundle

CONFIG = FitConfig(hidden=5, epochs=2, vad=False, device="cpu", batch_size=8, select="last")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    """24 clips, their cache, the compact one, and a run on each."""
    folder = tmp_path_factory.mktemp("corpus")
    rng = np.random.default_rng(0)
    (folder / "media").mkdir()
    rows = []
    for number in range(24):
        sound = 0.1 * rng.standard_normal(4000 + 900 * number) * np.linspace(0.2, 1, 4000 + 900 * number)
        soundfile.write(folder / "media" / f"c{number:02}.wav", sound, 16_000)
        rows.append([f"c{number:02}", rng.uniform(), rng.uniform()])
    for name, part in (("train", rows[:16]), ("valid", rows[16:])):
        with (folder / f"{name}_split.csv").open("w", newline="") as file:
            csv.writer(file).writerows([["Filename", "Joy", "Fear"], *part])
    extract(folder / "media", folder / "cache", ExtractOptions(EncoderOptions("logmel"), max_seconds=1.0))
    compact(folder / "cache", folder / "small", CompactOptions(pool=2, project=16))
    labels = read_splits(labels=folder)
    fit(folder / "cache", labels, CONFIG, folder / "run")
    fit(folder / "small", labels, CONFIG, folder / "run-small")
    return folder


@pytest.fixture
def make(root, tmp_path):
    """Run ``make`` with the commands of this environment."""
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    for name in ("extract", "train"):
        script = tmp_path / "venv" / "bin" / f"emi-{name}"
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m {name} "$@"\n')
        script.chmod(0o755)

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = ["make", "-s", "-o", "setup", f"VENV={tmp_path / 'venv'}", *map(str, arguments)]
        return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)

    return run


def read(path: Path) -> dict[str, list[str]]:
    with path.open() as file:
        return {row[0]: row for row in csv.reader(file)}


@pytest.mark.parametrize(("run", "cache"), [("run", "cache"), ("run-small", "small")])
def test_clips_of_the_training_cache_get_the_same_to_the_last_digit(
    corpus, make, tmp_path, run, cache
) -> None:
    new = tmp_path / "new"
    new.mkdir()
    for number in (0, 5, 17, 23):
        (new / f"c{number:02}.wav").write_bytes((corpus / "media" / f"c{number:02}.wav").read_bytes())
    (new / "broken.wav").write_text("no sound")
    done = make("predict", f"CLIPS={new}", f"RUN={corpus / run}", f"OUT={tmp_path / 'out.csv'}")
    assert done.returncode == 0, done.stderr
    assert "broken: " in done.stdout
    # Of the same clips: sums over other batches may differ in the last bit.
    (tmp_path / "ids.csv").write_text("clip_id\nc00\nc05\nc17\nc23\n")
    predict = [
        sys.executable,
        "-m",
        "train",
        "predict",
        corpus / run,
        corpus / cache,
        "--ids",
        tmp_path / "ids.csv",
        "--out",
        tmp_path / "all.csv",
    ]
    subprocess.run(predict, check=True, capture_output=True, cwd=Path(__file__).parents[1])
    found, known = read(tmp_path / "out.csv"), read(tmp_path / "all.csv")
    assert list(found) == ["Filename", "c00", "c05", "c17", "c23"]
    assert list(found.values())[1:] == list(known.values())[1:]


def test_ten_clips_and_a_broken_one_by_a_bundle_in_three_lines_of_python(corpus, tmp_path) -> None:
    """The same from a run, a bundle and the training cache; the broken clip is listed."""
    new = tmp_path / "new"
    new.mkdir()
    ids = [f"c{number:02}" for number in range(3, 13)]
    for name in ids:
        (new / f"{name}.wav").write_bytes((corpus / "media" / f"{name}.wav").read_bytes())
    (new / "broken.wav").write_text("no sound")
    bundle(corpus / "run-small", tmp_path / "head.zip")
    summary = extract(new, tmp_path / "cache", options_like(tmp_path / "head.zip"))
    assert [each.clip_id for each in summary.failures] == ["broken"]
    found = predict(load_run(tmp_path / "head.zip"), tmp_path / "cache", ids)
    np.testing.assert_array_equal(
        found.values, predict(load_run(corpus / "run-small"), corpus / "small", ids).values
    )


def test_make_takes_a_bundle(corpus, make, tmp_path) -> None:
    bundle(corpus / "run", tmp_path / "head.zip")
    new = tmp_path / "new"
    new.mkdir()
    (new / "c05.wav").write_bytes((corpus / "media" / "c05.wav").read_bytes())
    for run, out in ((tmp_path / "head.zip", "a.csv"), (corpus / "run", "b.csv")):
        done = make("predict", f"CLIPS={new}", f"RUN={run}", f"OUT={tmp_path / out}")
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_what_is_missing_or_cannot_be_had_is_one_line(corpus, make, tmp_path) -> None:
    done = make("predict", f"CLIPS={corpus / 'media'}")
    assert done.returncode != 0
    assert "needs CLIPS and RUN" in done.stdout
    done = make("predict", f"CLIPS={corpus / 'media'}", "RUN=head.zip")
    assert done.returncode != 0
    assert "error: head.zip: not there; RUN is the folder of a run, or a bundle" in done.stdout
    done = make("predict", f"CLIPS={corpus / 'media'}", f"RUN={tmp_path}", f"OUT={tmp_path / 'out.csv'}")
    assert done.returncode != 0
    assert "expected a cache, a run or a bundle" in done.stderr
    assert not (tmp_path / "out.csv").exists()
