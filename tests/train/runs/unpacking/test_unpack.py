"""A bundle is used as it is: same bits as its run, nothing written elsewhere, one line where it is none."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest

from train import load_run
from train.errors import RunError
from train.runs.bundle import bundle
from train.runs.predict import predict
from train.runs.unpacking.unpack import is_bundle, unpacked


@pytest.fixture(scope="module")
def packed(kept, folded, tmp_path_factory):
    """Bundles of a run and of folds."""
    out = tmp_path_factory.mktemp("packed")
    bundle(kept, out / "one.zip")
    bundle(folded, out / "folds.zip")
    return out


@pytest.mark.parametrize(("name", "run"), [("one", "kept"), ("folds", "folded")])
def test_it_predicts_the_same_bits_as_its_run(packed, corpus, request, name, run):
    expected = predict(load_run(request.getfixturevalue(run)), corpus.cache)
    found = load_run(packed / f"{name}.zip")
    assert found.trained_on() is None
    np.testing.assert_array_equal(predict(found, corpus.cache).values, expected.values)


def test_it_is_unpacked_once_until_it_changes(packed, kept, tmp_path):
    path = tmp_path / "head.zip"
    path.write_bytes((packed / "one.zip").read_bytes())
    first = unpacked(path)
    assert unpacked(path) == first
    assert first.name == "head.zip"
    assert not (first / "README.md").exists()
    path.write_bytes((packed / "folds.zip").read_bytes())
    assert (unpacked(path) / "folds.json").exists()
    (tmp_path / "folder.zip").mkdir()
    assert not is_bundle(tmp_path / "folder.zip")


def test_commands_take_it_and_those_that_need_data_say_so(cli, packed, corpus, kept, tmp_path):
    code, _, err = cli("predict", packed / "one.zip", corpus.cache, "--out", tmp_path / "a.csv")
    assert code == 0, err
    assert cli("predict", kept, corpus.cache, "--out", tmp_path / "b.csv")[0] == 0
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    own = ["--out", packed / "one.zip", "--overwrite"]
    code, _, err = cli("predict", packed / "one.zip", corpus.cache, *own)
    assert (code, "is what the predictions come from" in err) == (1, True)
    for command in (
        ["report"],
        ["reproduce"],
        ["compare", kept],
        ["bundle", "--out", tmp_path / "again.zip"],
    ):
        code, _, err = cli(command[0], packed / "one.zip", *command[1:])
        assert (code, "a bundle, which holds no clip, label or prediction" in err) == (1, True), command


def test_nothing_is_written_elsewhere_and_damage_is_one_line(packed, tmp_path):
    with zipfile.ZipFile(packed / "one.zip") as old:
        files = {name: old.read(name) for name in old.namelist()}
    strange = {"../config.json": b"x", "/config.json": b"x", "a/b/c/d/config.json": b"x", "evil.py": b"x"}
    with zipfile.ZipFile(tmp_path / "more.zip", "w") as new:
        for name, data in {**files, **strange}.items():
            new.writestr(name, data)
    folder = unpacked(tmp_path / "more.zip")
    assert {path.name for path in folder.parent.rglob("*")} <= {"more.zip", *files}
    assert not (folder.parent / "config.json").exists()
    with zipfile.ZipFile(tmp_path / "bent.zip", "w") as new:
        for name, data in files.items():
            new.writestr(name, data[:-1] + b"\0" if name == "head.safetensors" else data)
    (tmp_path / "junk.zip").write_bytes(b"PK junk")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as new:
        new.writestr("README.md", "hello")
    for name, said in (
        ("bent.zip", r"bent\.zip/head\.safetensors"),
        ("junk.zip", r"junk\.zip: no readable bundle"),
        ("other.zip", r"other\.zip: holds no head\.safetensors"),
        ("gone.zip", r"gone\.zip: no such bundle"),
    ):
        with pytest.raises(RunError, match=said) as caught:
            load_run(tmp_path / name)
        assert "\n" not in str(caught.value)
