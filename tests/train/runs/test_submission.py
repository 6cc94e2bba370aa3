"""A submission file has the label file's columns, the ids as written, and a note where something was filled."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from cache import read_table
from train.errors import RunError
from train.runs.predict import predict
from train.runs.submission import predictions_in, read_ids, write_predictions, write_submission


def test_nine_digits_give_back_a_float32(tmp_path):
    values = np.random.default_rng(0).standard_normal((5, 2)).astype(np.float32)
    write_predictions(tmp_path / "p.csv", "Filename", list("abcde"), values.astype(np.float64), ["x", "y"])
    lines = (tmp_path / "p.csv").read_text().splitlines()
    assert lines[0] == "Filename,x,y"
    read = np.array([line.split(",")[1:] for line in lines[1:]], dtype=np.float32)
    np.testing.assert_array_equal(read, values)


def test_ids_keep_how_they_are_written_and_filled_clips_are_noted(run, corpus, tmp_path):
    (tmp_path / "ids.csv").write_text("File_ID\n[00093]\n[nowhere]\n")
    wanted = read_ids(tmp_path / "ids.csv")
    assert wanted.clip_ids == ("00093", "nowhere")
    predictions = predict(run, corpus.cache, wanted.clip_ids, missing="train-mean")
    notes = write_submission(tmp_path / "out" / "p.csv", run, predictions, wanted)
    rows = (tmp_path / "out" / "p.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows] == ["Filename", "[00093]", "[nowhere]"]
    assert json.loads((tmp_path / "out" / "p.csv.notes.json").read_text()) == notes
    assert (notes["filled"], notes["clipped"], notes["clips"]) == (["nowhere"], True, 2)


@pytest.fixture
def ids(tmp_path):
    path = tmp_path / "ids.csv"
    path.write_text("Filename\n00001\n00093\n")
    return path


def test_a_file_of_somebody_else_stays_without_overwrite(cli, run, corpus, ids, tmp_path):
    mine, notes = tmp_path / "mine.csv", tmp_path / "mine.csv.notes.json"
    mine.write_text("years of work")
    notes.write_text('{"my": "notes"}')
    args = ["predict", run.path, corpus.cache, "--ids", ids, "--out", mine]
    code, out, err = cli(*args)
    assert (code, out, len(err.splitlines())) == (1, "", 1)
    assert (
        f"{mine}: exists and holds something else; give another name, or replace it with --overwrite" in err
    )
    assert (mine.read_text(), notes.read_text()) == ("years of work", '{"my": "notes"}')
    assert cli(*args, "--overwrite")[0] == 0
    assert mine.read_text().startswith("Filename,Admiration")
    assert notes.read_text() == '{"my": "notes"}', "notes of somebody else are none of a prediction"
    assert cli(*args)[0] == 0, "the same predictions again are no other file"


def test_notes_of_somebody_else_stay_too(cli, run, corpus, tmp_path):
    (tmp_path / "ids.txt").write_text("00001\nnowhere\n")
    out, notes = tmp_path / "p.csv", tmp_path / "p.csv.notes.json"
    args = ["predict", run.path, corpus.cache, "--ids", tmp_path / "ids.txt", "--out", out]
    for text in ('{"my": "notes"}', "[]", "[" * 100_000):
        notes.write_text(text)
        code, _, err = cli(*args, "--missing", "train-mean")
        assert (code, f"{notes}: exists and holds something else" in err) == (1, True)
        assert not out.exists()
        assert notes.read_text() == text
    assert cli(*args, "--missing", "train-mean", "--overwrite")[0] == 0
    assert json.loads(notes.read_text())["filled"] == ["nowhere"]
    (tmp_path / "ids.txt").write_text("00001\n")
    assert cli(*args, "--overwrite")[0] == 0
    assert not notes.exists(), "notes of ours go with the predictions that they were of"


def test_what_predictions_come_from_is_never_replaced(cli, kept, corpus, ids, tmp_path):
    labels = corpus.labels / "valid_split.csv"
    for path in (ids, labels, kept / "predictions.csv", kept / "head.safetensors"):
        before = path.read_bytes()
        args = ["predict", kept, corpus.cache, "--ids", ids, "--out", path, "--overwrite"]
        code, out, err = cli(*args)
        assert (code, out, len(err.splitlines())) == (1, "", 1)
        assert f"{path}: is what the predictions come from; give another --out" in err
        assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("cell", "message"),
    [("much", "that this version knows"), ("nan", "not finite"), ("", "that this version")],
)
def test_predictions_that_are_no_numbers_are_one_line(tmp_path, cell, message):
    path = tmp_path / "p.csv"
    path.write_text(f"id,x\n1,{cell}\n")
    with pytest.raises(RunError, match=message):
        predictions_in(read_table(path), ["1"], ["x"], path)


def test_no_id_or_header_reaches_a_spreadsheet_as_a_formula(make_cache, table, cli, tmp_path):
    rng = np.random.default_rng(0)
    ids = [f"{'=+-@'[at % 4]}c{at:02}" for at in range(30)]
    truth = {clip: rng.random(3) for clip in ids}
    cache = make_cache(tmp_path / "cache", truth)
    names = ["=cmd|' /C calc'!A0", "+Joy", "-1"]
    for name, part in (("train", ids[:20]), ("valid", ids[20:])):
        table(tmp_path / f"{name}_split.csv", ["Filename", *names], [[clip, *-truth[clip]] for clip in part])
    run, out, floor = tmp_path / "run", tmp_path / "p.csv", tmp_path / "floor"
    options = ["--epochs", 1, "--hidden", 4, "--threads", 1]
    assert cli("fit", cache, "--labels", tmp_path, "--out", run, *options)[0] == 0
    assert cli("predict", run, cache, "--out", out, "--clip", "none")[0] == 0
    assert cli("baseline", cache, "--labels", tmp_path, "--out", floor)[0] == 0
    assert cli("report", floor)[0] == 0
    written = [out, *run.glob("*.csv"), *floor.rglob("*.csv")]
    assert len(written) > 5
    for path in written:
        for cell in (cell for row in csv.reader(path.read_text().splitlines()) for cell in row):
            assert not cell.startswith(("=", "+", "@", "\t")) or cell.startswith("+0."), (path, cell)
            assert not cell.startswith("-") or float(cell) < 0, (path, cell)
    back = read_table(out)
    assert back.columns == ("Filename", *names)
    assert back.written_ids() == back.ids() == ids
    assert ",-0." in out.read_text()  # negative numbers stay numbers
    again = tmp_path / "again.csv"
    assert cli("predict", run, cache, "--ids", out, "--out", again, "--clip", "none")[0] == 0
    assert again.read_text() == out.read_text()
    code, text, _ = cli(
        "evaluate", run, cache, "--labels", tmp_path / "train_split.csv", "--permutations", 0, "--json"
    )
    assert (code, '"trained_on": 20' in text) == (0, True)
