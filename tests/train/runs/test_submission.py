"""A submission file has the label file's columns, the ids as written, and a note where something was filled."""

from __future__ import annotations

import csv
import json

import numpy as np

from cache import read_table
from train.runs.predict import predict
from train.runs.submission import read_ids, write_predictions, write_submission


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
