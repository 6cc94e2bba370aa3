"""Checksums of runs and studies: a flipped bit is refused, an older folder is read and that is said once."""

from __future__ import annotations

import json
import logging
import os
import re
import shutil

import pytest

from train import checksums, load_run
from train.checksums import read_json, read_sealed, replace_listed, verified, verify_run, write_sealed
from train.errors import RunError
from train.studies.ensemble import fit_seeds
from train.studies.options import RepeatOptions


@pytest.fixture(scope="module")
def flips(bench):
    """The long loop's own module."""
    return bench("flip_run")


@pytest.fixture(scope="module")
def bare(run, tmp_path_factory):
    """A run without its pictures, which nothing reads, and whose every other file is read."""
    folder = tmp_path_factory.mktemp("bare") / "run"
    shutil.copytree(run.path, folder, ignore=shutil.ignore_patterns("*.png"))
    return folder


def test_a_flipped_bit_of_a_run_is_refused_or_changes_no_number(flips, bare) -> None:
    outcome = flips.flip_bits(bare, flips.run_readings, every=900, seed=1)
    assert outcome.problems == []
    assert outcome.counts["refused"] > 60
    for name in ("head.safetensors", "metrics.json", "predictions.csv", "history.csv", "environment.json"):
        whole = (bare / name).read_bytes()
        (bare / name).write_bytes(whole[:-3] + bytes([whole[-3] ^ 1]) + whole[-2:])
        with pytest.raises(RunError, match=f"{name}: does not hold the bytes"):
            flips.run_readings(bare)
        (bare / name).write_bytes(whole)


def test_a_flipped_bit_of_a_study_is_refused_or_changes_no_number(flips, study, tmp_path) -> None:
    folder = tmp_path / "study"
    shutil.copytree(study.path, folder)
    truth, results = folder / "truth.csv", folder / "results.json"
    for path, step in ((truth, 97), (results, 997)):
        whole = path.read_bytes()
        for position in range(0, 8 * len(whole), step):
            flipped = bytearray(whole)
            flipped[position // 8] ^= 1 << position % 8
            path.write_bytes(flipped)
            try:
                again = flips.load_study(folder)
            except RunError:
                continue
            assert (again.rows, again.truth.tolist()) == (study.rows, study.truth.tolist())
        path.write_bytes(whole)


def test_every_reader_refuses_a_damaged_run(cli, bare, corpus, tmp_path) -> None:
    folder = tmp_path / "run"
    commands = [
        ["predict", folder, corpus.cache, "--out", tmp_path / "p.csv"],
        ["evaluate", folder, corpus.cache, "--labels", corpus.labels],
        ["report", folder],
        ["reproduce", folder],
        ["bundle", folder, "--out", tmp_path / "head.zip"],
        ["export", folder, "--onnx", tmp_path / "head.onnx"],
        ["fit", corpus.cache, "--labels", corpus.labels, "--from", folder, "--out", tmp_path / "x"],
        ["fit", corpus.cache, "--labels", corpus.labels, "--config", folder / "config.json", "--out", "x"],
    ]
    damaged = dict.fromkeys(range(7), "head.safetensors") | {7: "config.json"}
    for number, command in enumerate(commands):
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(bare, folder)
        path = folder / damaged[number]
        whole = bytearray(path.read_bytes())
        whole[-2] ^= 16
        path.write_bytes(whole)
        code, out, err = cli(*command)
        assert (code, out, len(err.splitlines())) == (1, "", 1), command
        assert f"{path}: does not hold the bytes that its checksum was made of; restore it from a copy" in err
    assert not (tmp_path / "p.csv").exists()


def test_a_run_without_checksums_is_read_and_that_is_said_once(bare, as_older, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(checksums, "_said", [])
    shutil.copytree(bare, tmp_path / "one")
    shutil.copytree(bare, tmp_path / "two")
    with caplog.at_level(logging.WARNING):
        assert load_run(bare).config == load_run(as_older(tmp_path / "one")).config
        load_run(as_older(tmp_path / "two"))
    (said,) = [record.getMessage() for record in caplog.records]
    assert said.startswith(f"note: {tmp_path / 'one'} carries no checksums, as older versions wrote none")


def test_files_that_are_replaced_are_right_at_every_instant(bare, tmp_path, monkeypatch) -> None:
    folder, states = tmp_path / "run", []
    shutil.copytree(bare, folder)

    def seen(path):
        verify_run(folder)
        states.append(path)

    monkeypatch.setattr(checksums, "fsync_folder", seen)
    metrics = (folder / "metrics.json").read_text().replace('"metric"', '"metric" ')
    replace_listed(folder, {"metrics.json": metrics, "audit.json": "[]\n"})
    assert len(states) == 2
    verify_run(folder)
    assert read_json(folder / "audit.json", list) == []
    (folder / "audit.json").write_bytes((bare / "audit.json").read_bytes())
    with pytest.raises(RunError, match=r"audit\.json"):
        verify_run(folder)


def test_a_sealed_file_knows_itself_and_its_neighbours(tmp_path) -> None:
    (tmp_path / "t.csv").write_text("a\n")
    write_sealed(tmp_path / "s.json", {"n": 1.5, "text": "é"}, beside=("t.csv",))
    found = read_sealed(tmp_path / "s.json")
    assert found.pop("files").keys() == {"t.csv"}
    assert found == {"n": 1.5, "text": "é"}
    text = (tmp_path / "s.json").read_text()
    for old, new in (("1.5", "1.4"), ('"sha256"', '"sha257"'), ('"sha256": "', '"sha256": "0')):
        (tmp_path / "s.json").write_text(text.replace(old, new))
        with pytest.raises(RunError, match="does not hold what its own checksum says"):
            read_sealed(tmp_path / "s.json")


def test_links_and_devices_are_no_files_of_a_run(tmp_path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/zero")
    for name in ("pipe", "link"):
        with pytest.raises(RunError, match="is no regular file"):
            verified(tmp_path / name)
        with pytest.raises(RunError, match="is no regular file"):
            read_json(tmp_path / name)
    with pytest.raises(RunError, match="cannot be read"):
        verified(tmp_path / "none")


@pytest.mark.parametrize("text", ["[]", "[" * 100_000, '{"files": 3}', "{}", "nonsense"])
def test_what_is_no_file_of_checksums_is_one_line(bare, tmp_path, text) -> None:
    shutil.copytree(bare, tmp_path / "run")
    (tmp_path / "run" / "checksums.json").write_text(text)
    with pytest.raises(RunError, match=re.escape(f"{tmp_path}/run/checksums.json: ")) as caught:
        load_run(tmp_path / "run")
    assert "\n" not in str(caught.value)


def test_an_ensemble_is_sealed_and_its_runs_carry_checksums(corpus, splits, small, tmp_path) -> None:
    from dataclasses import replace

    config = replace(small, lstm=False, epochs=1)
    fit_seeds(corpus.cache, splits, config, 2, RepeatOptions(tmp_path / "both"))
    path = tmp_path / "both" / "ensemble.json"
    values = json.loads(path.read_text())
    path.write_text(json.dumps({**values, "runs": ["seed-0"]}))
    with pytest.raises(RunError, match=r"ensemble.json: does not hold what its own checksum says"):
        load_run(tmp_path / "both")
