"""``emi-train export`` writes a checked file of a fitted run, of an ensemble, of folds; nothing where it fails."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

from cache import CacheReader
from train.runs.export.check import session_of
from train.runs.predict import predict
from train.runs.run_folder import load_run


def frames_of(reader, clip_id) -> np.ndarray:
    fields = ("hidden_states/2", "vad")
    return np.concatenate([reader.read_frames(clip_id, field) for field in fields], axis=1).astype(np.float32)


@pytest.mark.parametrize("kind", ["kept", "ensembled", "folded"])
def test_it_predicts_what_predict_does(cli, corpus, request, tmp_path, kind) -> None:
    run = request.getfixturevalue(kind)
    out = tmp_path / "head.onnx"
    code, said, err = cli("export", run, "--onnx", out, "--global-mean", "input", "--json")
    assert code == 0, err
    assert 0 < json.loads(said)["largest_difference"] <= 1e-5
    session = session_of(out.read_bytes())
    with CacheReader(corpus.cache) as reader:
        expected = predict(load_run(run), reader)
        for row, clip_id in list(enumerate(expected.clip_ids))[:20]:
            frames = frames_of(reader, clip_id)
            tables = [
                reader.clip_table(f"global_mean/{name}", [clip_id]) for name in ("hidden_states/2", "vad")
            ]
            mean = np.concatenate(tables, axis=1).astype(np.float32)
            given = {"frames": frames[None], "lengths": np.array([len(frames)]), "global_mean": mean}
            np.testing.assert_allclose(session.run(None, given)[0][0], expected.values[row], atol=1e-5)


def test_a_file_that_is_there_stays(cli, kept, tmp_path) -> None:
    out = tmp_path / "head.onnx"
    out.write_text("mine")
    code, _, err = cli("export", kept, "--onnx", out)
    assert (code, out.read_text()) == (1, "mine")
    assert "exists and holds something else" in err
    assert cli("export", kept, "--onnx", out, "--overwrite")[0] == 0
    before = out.read_bytes()
    assert cli("export", kept, "--onnx", out)[0] == 0
    assert out.read_bytes() == before


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--onnx", "head.pt"], "expected the name of a .onnx file"),
        (["--onnx", "head.onnx", "--frames", "full"], "nothing is to be projected; leave --frames out"),
        (["--onnx", "head.onnx", "--frames", "stored"], "does not say how"),
        (["--onnx", "head.onnx", "--frames", "raw"], "found 'raw', expected trained or stored or full"),
    ],
)
def test_what_cannot_be_is_one_line(cli, kept, tmp_path, monkeypatch, more, said) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = cli("export", kept, *more)
    assert code == 1
    assert said in err
    assert len(err.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_without_the_library_it_is_one_line(cli, kept, tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    code, _, err = cli("export", kept, "--onnx", tmp_path / "head.onnx")
    assert code == 1
    assert "pip install 'emi-fusion[onnx]'" in err
    assert not (tmp_path / "head.onnx").exists()
