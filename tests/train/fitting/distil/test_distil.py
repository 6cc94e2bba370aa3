"""A student from two caches, from the first look to a folder that extraction takes; stopped, it goes on."""

from __future__ import annotations

import json
import shutil

import pytest

from train.errors import RunError
from train.fitting.distil import distil as module
from train.fitting.distil.distil import distil, summary
from train.fitting.distil.options import DistilOptions
from train.fitting.distil.passes import HeldOut
from train.fitting.distil.training import run_epoch

DECIDED = ("model.safetensors", "config.json", "student.json")


@pytest.fixture(scope="module")
def held_out(pair):
    return HeldOut(pair.speakers, None, pair.logmel)


@pytest.fixture(scope="module")
def made(pair, quick, held_out, quiet, tmp_path_factory):
    out = tmp_path_factory.mktemp("student") / "student"
    return out, distil(pair.logmel, pair.teacher, out, quick, held_out, progress=quiet)


def test_it_learns_what_the_teacher_says_of_speakers_that_it_has_not_heard(
    pair, held_out, quiet, tmp_path
) -> None:
    options = DistilOptions("10k", hidden=3, folds=2, epochs=25, batch_size=9)
    metrics = distil(pair.logmel, pair.teacher, tmp_path / "student", options, held_out, progress=quiet)
    scores = metrics["scores"]
    assert scores["clips"] == 36
    for name in ("arousal", "dominance"):
        assert scores["ccc"][name]["estimate"] > 0.8
        assert scores["ccc"][name]["low"] < scores["ccc"][name]["estimate"] < scores["ccc"][name]["high"]
    assert scores["hidden_r2"] > 0.4
    assert "arousal: CCC 0." in summary(metrics)


def test_the_folder_is_finished_and_found_again(made, pair, quick, held_out, quiet) -> None:
    out, metrics = made
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    again = distil(pair.logmel, pair.teacher, out, quick, held_out, progress=quiet)
    assert again["scores"]["clips"] == metrics["scores"]["clips"] == 36
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert "checkpoint.safetensors" not in before
    config = json.loads(before["config.json"])
    assert (config["teacher"]["model"], config["licence"]) == ("owner/teacher", "CC BY-NC-SA 4.0")


def test_another_student_is_not_replaced_unasked(made, pair, held_out, quiet, tmp_path) -> None:
    out, _ = made
    other = DistilOptions("10k", folds=3, epochs=2)
    with pytest.raises(RunError, match=r"finished run of another fit, different in config \(.*epochs"):
        distil(pair.logmel, pair.teacher, out, other, held_out, progress=quiet)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(RunError, match="holds files that are no run"):
        distil(pair.logmel, pair.teacher, tmp_path, other, held_out, progress=quiet)
    copy = tmp_path / "copy"
    shutil.copytree(out, copy)
    distil(pair.logmel, pair.teacher, copy, other, held_out, overwrite=True, progress=quiet)
    assert (copy / "model.safetensors").read_bytes() != (out / "model.safetensors").read_bytes()


@pytest.mark.parametrize("stopped_at", [4, 12])
def test_stopped_at_any_epoch_the_same_command_gives_the_same_bits(
    made, pair, quick, held_out, quiet, tmp_path, monkeypatch, stopped_at
) -> None:
    out, _ = made
    monkeypatch.setattr(module, "SAVE_EVERY", 0.0)
    taken = []

    def stop(*arguments):
        if len(taken) == stopped_at:
            raise KeyboardInterrupt
        taken.append(1)
        run_epoch(*arguments)

    monkeypatch.setattr(module, "run_epoch", stop)
    if stopped_at < 12:  # 4 trainings of 3 epochs
        with pytest.raises(KeyboardInterrupt):
            distil(pair.logmel, pair.teacher, tmp_path / "s", quick, held_out, progress=quiet)
        monkeypatch.setattr(module, "run_epoch", run_epoch)
    found = distil(pair.logmel, pair.teacher, tmp_path / "s", quick, held_out, progress=quiet)
    for name in DECIDED:
        assert (tmp_path / "s" / name).read_bytes() == (out / name).read_bytes()
    scores = json.loads((out / "metrics.json").read_text())["scores"]
    assert json.loads(json.dumps(found["scores"])) == scores


def test_from_the_command_line(pair, cli, table, tmp_path) -> None:
    speakers = table(tmp_path / "who.csv", ["clip_id", "speaker"], list(pair.speakers.items()))
    given = ("--size", "10k", "--epochs", 1, "--speakers", speakers, "--threads", 1)
    common = ("distil", pair.logmel, pair.teacher, *given)
    code, out, err = cli(*common, "--folds", 2, "--out", tmp_path / "a")
    assert (code, "arousal: CCC" in out, "student, of all clips: epoch 1 of 1" in err) == (0, True, True)
    valid = table(tmp_path / "valid.csv", ["clip_id"], [["c001"], ["c002"], ["c003"]])
    code, out, _ = cli(*common, "--valid", valid, "--json", "--out", tmp_path / "b")
    assert (code, json.loads(out)["scores"]["clips"]) == (0, 3)
    assert cli(*common, "--valid", valid, "--folds", 2, "--out", tmp_path / "c")[0] == 2
    code, _, err = cli(*common, "--size", "9k", "--out", tmp_path / "c")
    assert (code, err.count("\n")) == (1, 1)
    code, _, err = cli("distil", pair.teacher, pair.teacher, "--out", tmp_path / "c")
    assert (code, err.count("\n"), "--model logmel" in err) == (1, 1, True)
