"""A study, an ensemble, folds and baselines go on in their own folder, and in no other."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from train.errors import RunError
from train.studies.claim_folder import BASELINES, CROSS_VALIDATION, ENSEMBLE, STUDY, claim_folder

GOLDEN = Path(__file__).parents[1] / "golden"
OWN = {"study": STUDY, "ensemble": ENSEMBLE, "folds": CROSS_VALIDATION, "study/floor": BASELINES}


@pytest.mark.parametrize("name", OWN)
def test_each_goes_on_in_its_own_folder_and_in_no_other(name):
    for other, kind in OWN.items():
        if other == name:
            claim_folder(GOLDEN / name, kind)
        else:
            with pytest.raises(RunError, match=r"holds (files that are no|a single run)"):
                claim_folder(GOLDEN / name, kind)


@pytest.mark.parametrize("kind", OWN.values())
def test_runs_files_and_results_of_somebody_else_are_refused(kind, tmp_path):
    claim_folder(tmp_path / "new", kind)
    (tmp_path / "empty" / "runs").mkdir(parents=True)  # what a killed process leaves
    claim_folder(tmp_path / "empty", kind)
    with pytest.raises(RunError, match="holds a single run; give a new folder"):
        claim_folder(GOLDEN / "run", kind)
    (tmp_path / "project" / "runs" / "five" / "seed-0").mkdir(parents=True)
    (tmp_path / "project" / kind.file).write_text("mine")
    with pytest.raises(RunError, match="holds files that are no"):
        claim_folder(tmp_path / "project", kind)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(RunError, match="is a file"):
        claim_folder(tmp_path / "file", kind)


def test_ablate_leaves_a_finished_run_alone(cli, run, corpus, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(run.path, folder)
    before = {path: path.read_bytes() for path in folder.iterdir()}
    for command in ("ablate", "baseline"):
        code, _, err = cli(command, corpus.cache, "--labels", corpus.labels, "--out", folder)
        assert (code, err.splitlines()[-1].startswith("error: ")) == (1, True)
    for more in (["--ensemble", 2], ["--folds", 2, "--group", "speaker"]):
        assert cli("fit", corpus.cache, "--labels", corpus.labels, "--out", folder, *more)[0] == 1
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_folds_of_other_labels_keep_their_tables(cli, corpus, table, tmp_path):
    args = ["fit", corpus.cache, "--out", tmp_path / "f", "--folds", 2, "--group", "speaker", "--no-lstm"]
    assert cli(*args, "--labels", corpus.labels, "--epochs", 1)[0] == 0
    before = {path: path.read_bytes() for path in (tmp_path / "f").glob("*.csv")}
    rows = [[clip, *(1 - values), corpus.speakers.get(clip, "x")] for clip, values in corpus.truth.items()]
    other = table(tmp_path / "all.csv", ["clip_id", "a", "b", "c", "speaker"], rows)
    code, _, err = cli(*args, "--labels", other, "--epochs", 1)
    assert code == 1
    assert "exists and holds something else" in err
    assert {path: path.read_bytes() for path in (tmp_path / "f").glob("*.csv")} == before
