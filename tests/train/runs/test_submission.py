"""A submission file has the label file's columns, the ids as written, and a note where something was filled."""

from __future__ import annotations

import json

import numpy as np

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
