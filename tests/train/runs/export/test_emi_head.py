"""A bundle predicts where only numpy and onnxruntime are installed, and says in one line what it cannot take."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import numpy as np
import pytest

from cache import CacheReader
from train import load_bundle, load_run
from train.runs.export import emi_head
from train.runs.export.emi_head import BundleError
from train.runs.predict import predict

FIELDS = ("hidden_states/2", "vad")
NEEDED = ("numpy", "numpy.libs", "onnxruntime")


def clips_of(cache) -> list[np.ndarray]:
    with CacheReader(cache) as reader:
        return [
            np.concatenate([reader.read_frames(each, name) for name in FIELDS], axis=1).astype(np.float32)
            for each in reader.clip_ids
        ]


@pytest.fixture(scope="module")
def packed(kept, ensembled, tmp_path_factory):
    """Bundles with ONNX files: of one head, and of two."""
    from train.runs.bundle import bundle

    out = tmp_path_factory.mktemp("bundles")
    assert {"head.onnx", "emi_head.py"} < set(bundle(kept, out / "one.zip", onnx=True))
    assert {"head.onnx", "emi_head.py", "seed-1/head.safetensors"} < set(
        bundle(ensembled, out / "two.zip", onnx=True)
    )
    return out


@pytest.fixture(scope="module")
def bare(tmp_path_factory) -> Path:
    """The interpreter of an environment that has numpy and onnxruntime alone."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, with_pip=False)
    [site] = (folder / "lib").glob("python*/site-packages")
    spec = importlib.util.find_spec("numpy")
    own = Path(str(spec.origin)).parents[1]
    for name in NEEDED:
        if (own / name).exists():
            (site / name).symlink_to(own / name)
    return folder / "bin" / "python"


@pytest.mark.parametrize(("name", "run"), [("one", "kept"), ("two", "ensembled")])
def test_it_predicts_what_predict_does(packed, corpus, request, name, run) -> None:
    head, loaded = load_bundle(packed / f"{name}.zip"), load_run(request.getfixturevalue(run))
    expected = predict(loaded, corpus.cache)
    assert (head.targets, head.width, head.fields) == (expected.names, 11, {"hidden_states/2": 8, "vad": 3})
    assert head.recipe == loaded.recipe
    clips = clips_of(corpus.cache)
    # The cache's global means were taken before frames were rounded to float16.
    np.testing.assert_allclose(head.predict(clips), loaded.targets.clipped(expected.values), atol=2e-4)
    free = head.predict(clips, clip=False)
    np.testing.assert_allclose(free, expected.values, atol=2e-4)
    np.testing.assert_allclose(head.predict(clips[7], clip=False), free[7], atol=1e-6)


def test_it_needs_numpy_and_onnxruntime_alone(packed, corpus, bare, root, tmp_path) -> None:
    with zipfile.ZipFile(packed / "one.zip") as archive:
        archive.extract("emi_head.py", tmp_path)
    clips = clips_of(corpus.cache)[:5]
    np.savez(tmp_path / "clips.npz", *clips)
    code = (
        "import importlib.util, numpy, json, sys\n"
        "others = ('torch', 'h5py', 'typer', 'safetensors', 'onnx')\n"
        "assert not any(importlib.util.find_spec(each) for each in others)\n"
        f"from {{module}} import load_bundle\nhead = load_bundle({str(packed / 'one.zip')!r})\n"
        f"clips = list(numpy.load({str(tmp_path / 'clips.npz')!r}).values())\n"
        "print(json.dumps(head.predict(clips).tolist()))"
    )
    expected = load_bundle(packed / "one.zip").predict(clips)
    for module, path in (("emi_head", tmp_path), ("train", root)):
        done = subprocess.run(
            [bare, "-c", code.replace("{module}", module)],
            env={**os.environ, "PYTHONPATH": str(path)}, capture_output=True, text=True, check=False, cwd=tmp_path,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        np.testing.assert_allclose(json.loads(done.stdout), expected, atol=1e-6)


def test_the_module_in_a_bundle_is_this_one(packed) -> None:
    with zipfile.ZipFile(packed / "two.zip") as archive:
        assert archive.read("emi_head.py") == Path(emi_head.__file__).read_bytes()


@pytest.mark.parametrize(
    ("frames", "said"),
    [
        (
            np.zeros((4, 10), np.float32),
            r"clip 0: found frames of shape \(4, 10\), expected \(1 or more, 11\)",
        ),
        (np.zeros((0, 11), np.float32), "clip 0: found frames of shape"),
        ([np.zeros((2, 11)), np.zeros(11)], "clip 1: found frames of shape"),
        (np.full((4, 11), np.nan), "clip 0: frames that are not finite"),
    ],
)
def test_frames_that_do_not_fit_are_one_line(packed, frames, said) -> None:
    with pytest.raises(BundleError, match=said):
        load_bundle(packed / "one.zip").predict(frames)


def test_no_clips_give_no_rows(packed) -> None:
    assert load_bundle(packed / "one.zip").predict([]).shape == (0, 3)


def test_files_that_are_no_heads_are_one_line(packed, kept, tmp_path) -> None:
    from train.runs.bundle import bundle

    bundle(kept, tmp_path / "plain.zip")
    (tmp_path / "junk.onnx").write_bytes(b"junk")
    (tmp_path / "junk.zip").write_bytes(b"junk")
    with zipfile.ZipFile(packed / "one.zip") as old, zipfile.ZipFile(tmp_path / "other.zip", "w") as new:
        for name in old.namelist():
            data = old.read(name)
            new.writestr(name, data[:-1] + b"\0" if name == "head.onnx" else data)
    for name, said in (
        ("plain.zip", "holds no head.onnx; pack it with emi-train bundle RUN --onnx"),
        ("junk.onnx", "no ONNX file that onnxruntime can run"),
        ("junk.zip", "no readable bundle"),
        ("other.zip", "holds other bytes than its checksum says"),
        ("gone.zip", "no such file"),
    ):
        with pytest.raises(BundleError, match=said) as caught:
            load_bundle(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_other_inputs_are_refused_or_asked_for(
    cli, kept, compact_run, small_cache, tmp_path, monkeypatch
) -> None:
    given, stored = tmp_path / "given.onnx", tmp_path / "stored.onnx"
    assert cli("export", kept, "--onnx", given, "--global-mean", "input")[0] == 0
    head, frames = load_bundle(given), np.ones((4, 11), np.float32)
    assert np.isfinite(head.predict(frames, np.ones(11))).all()
    with pytest.raises(BundleError, match="needs the global mean of every clip; give global_mean"):
        head.predict(frames)
    with pytest.raises(BundleError, match=r"expected finite \(1, 11\)"):
        head.predict(frames, np.ones((2, 11)))
    assert cli("export", compact_run.path, "--onnx", stored, "--frames", "stored")[0] == 0
    with pytest.raises(BundleError, match="export it without --frames stored"):
        load_bundle(stored)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(BundleError, match="pip install onnxruntime"):
        load_bundle(given)


def test_a_bundle_with_onnx_is_still_a_run(cli, packed, corpus, kept, tmp_path) -> None:
    shutil.unpack_archive(packed / "one.zip", tmp_path / "run")
    expected = predict(load_run(kept), corpus.cache).values
    np.testing.assert_array_equal(predict(load_run(tmp_path / "run"), corpus.cache).values, expected)
    before = (packed / "one.zip").read_bytes()
    assert cli("bundle", kept, "--onnx", "--out", packed / "one.zip")[0] == 0
    assert (packed / "one.zip").read_bytes() == before
