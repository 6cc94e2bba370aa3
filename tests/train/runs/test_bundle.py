"""A bundle holds the head and no data."""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from cache import CompactOptions, compact
from train import fit, load_run
from train.labels.label_files import LabelFiles
from train.labels.read_tables import read_files
from train.runs.predict import predict


def test_a_bundle_holds_the_head_and_no_data(cli, kept, tmp_path):
    code, _, err = cli("bundle", kept, "--out", tmp_path / "head.zip")
    assert code == 0, err
    with zipfile.ZipFile(tmp_path / "head.zip") as archive:
        names = set(archive.namelist())
        content = b"".join(archive.read(name) for name in names)
        hashes = json.loads(archive.read("hashes.json"))
        card = archive.read("README.md").decode()
    own = {"README.md", "config.json", "hashes.json", "head.safetensors", "metrics.json"}
    assert names == {*own, "checksums.json"}
    assert b"00061" not in content
    assert len(hashes["recipe_id"]) == 64
    assert "Admiration, Amusement, Empathic Pain" in card
    before = (tmp_path / "head.zip").read_bytes()
    cli("bundle", kept, "--out", tmp_path / "head.zip")
    assert (tmp_path / "head.zip").read_bytes() == before
    assert cli("bundle", kept, "--out", tmp_path / "head.tar")[0] == 1


def test_a_compact_bundle_holds_the_projection(compact_run, tmp_path):
    from train.runs.bundle import bundle

    assert "projection.npz" in bundle(compact_run.path, tmp_path / "head.zip")


def test_a_compact_bundle_names_no_clip_and_is_of_use_as_it_is(
    cli, corpus, make_cache, table, small, quiet, tmp_path, monkeypatch
):
    truth = {f"voice{clip_id}": labels for clip_id, labels in corpus.truth.items()}
    full, ids = make_cache(tmp_path / "full", truth), list(truth)
    rows = [[clip_id, *truth[clip_id]] for clip_id in ids]
    header = ["Filename", "Admiration", "Amusement", "Empathic Pain"]
    labels = LabelFiles(
        table(tmp_path / "t.csv", header, rows[:60]), table(tmp_path / "v.csv", header, rows[60:90])
    )
    small_one = tmp_path / "small"
    monkeypatch.setattr(
        "cache.compaction.fields.NARROW", 4
    )  # so that the toy cache's 8 channels are projected
    compact(full, small_one, CompactOptions(pool=2, project=7, dtype="int8"), fit_on=ids[:60])
    own = fit(small_one, read_files(labels), replace(small, epochs=1), tmp_path / "run", progress=quiet)
    assert b"voice00001" in (own.path / "projection.npz").read_bytes()
    assert cli("bundle", own.path, "--out", tmp_path / "head.zip")[0] == 0
    with zipfile.ZipFile(tmp_path / "head.zip") as archive:
        archive.extractall(tmp_path / "unpacked")
    hashes = json.loads((tmp_path / "unpacked" / "hashes.json").read_text())["files"]
    for path in (tmp_path / "unpacked").iterdir():
        content = path.read_bytes()
        assert b"voice0" not in content, path.name
        if path.name in hashes:
            assert hashes[path.name] == hashlib.sha256(content).hexdigest()
    unpacked = load_run(tmp_path / "unpacked")
    assert unpacked.trained_on() is None
    for cache in (small_one, full):
        np.testing.assert_array_equal(predict(unpacked, cache).values, predict(own, cache).values)
        args = [cache, "--labels", tmp_path / "v.csv", "--permutations", 0]
        code, out, err = cli("evaluate", tmp_path / "unpacked", *args, "--json")
        assert code == 0, err
        assert json.loads(out)["trained_on"] is None
    code, out, err = cli("evaluate", tmp_path / "unpacked", *args)
    assert code == 0, err
    assert "does not say which clips shaped this head" in out
    code, _, err = cli("predict", tmp_path / "unpacked", small_one, "--out", tmp_path / "p.csv")
    assert code == 0, err


def test_a_file_of_somebody_else_is_no_place_for_a_bundle(cli, kept, tmp_path):
    out = tmp_path / "thesis.zip"
    out.write_bytes(b"years of work")
    code, _, err = cli("bundle", kept, "--out", out)
    assert (code, len(err.splitlines())) == (1, 1)
    assert "exists and holds something else" in err
    assert out.read_bytes() == b"years of work"
    assert cli("bundle", kept, "--out", out, "--overwrite")[0] == 0
    assert zipfile.is_zipfile(out)


@pytest.mark.parametrize(("kind", "listed"), [("folded", "folds.json"), ("ensembled", "ensemble.json")])
def test_several_heads_are_bundled_together(cli, corpus, kind, listed, request, tmp_path):
    path = request.getfixturevalue(kind)
    code, _, err = cli("bundle", path, "--out", tmp_path / "heads.zip")
    assert code == 0, err
    with zipfile.ZipFile(tmp_path / "heads.zip") as archive:
        names = archive.namelist()
        content = b"".join(archive.read(name) for name in names)
        archive.extractall(tmp_path / "unpacked")
        card, values = archive.read("README.md").decode(), json.loads(archive.read(listed))
    heads = len(values["runs"])
    assert sum(name.endswith("head.safetensors") for name in names) == heads
    assert not any(name.endswith(".csv") or "environment" in name for name in names)
    for private in (b"00061", str(corpus.labels).encode(), b"s01"):
        assert private not in content
    assert "inputs" not in values
    assert f"{heads} of " in card
    assert "`emi-train predict` takes the mean of their predictions" in card
    assert "lr 0.005" in card
    whole, unpacked = load_run(path), load_run(tmp_path / "unpacked")
    assert unpacked.trained_on() is None
    np.testing.assert_array_equal(predict(unpacked, corpus.cache).values, predict(whole, corpus.cache).values)
    if kind == "folded":
        assert "on the clips that it had not seen" in card
        assert "What their mean prediction scores is not known" in card
        assert f"{values['mean']['estimate']:.3f}" in card
    else:
        assert f"of the mean prediction {values['valid']['pearson']['mean']:.3f}; of each head alone:" in card


def test_the_name_of_a_group_stays_at_home(cli, corpus, tmp_path):
    """With one speaker left out after the other, folds are called by them."""
    args = ["fit", corpus.cache, "--labels", corpus.labels, "--out", tmp_path / "loo", "--no-floor"]
    small = ["--hidden", 2, "--epochs", 1, "--no-lstm", "--threads", 1]
    assert cli(*args, "--folds", "loo", "--group", "speaker", *small)[0] == 0
    assert b'"s01"' in (tmp_path / "loo" / "folds.json").read_bytes()
    assert cli("bundle", tmp_path / "loo", "--out", tmp_path / "heads.zip")[0] == 0
    with zipfile.ZipFile(tmp_path / "heads.zip") as archive:
        assert not any(b"s01" in archive.read(name) for name in archive.namelist())
    assert cli("report", tmp_path / "loo")[0] == 0
    text = (tmp_path / "loo" / "report" / "report.md").read_text(encoding="utf-8")
    assert "| fold-1 | s00 |" in text
    assert "wrong clips of that fold" in text
