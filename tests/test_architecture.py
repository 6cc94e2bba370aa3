"""Folders are packages, arrows point one way, and importing is quick."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest

HEAVY = {
    "torch",
    "transformers",
    "h5py",
    "zarr",
    "sklearn",
    "scipy",
    "matplotlib",
    "soundfile",
    "av",
    "soxr",
    "safetensors",
    "onnx",
    "onnxruntime",
    "ctranslate2",
    "faster_whisper",
    "tokenizers",
}


def modules_after(python, code: str) -> set[str]:
    done = python("-c", f"{code}\nimport sys, json; print(json.dumps(sorted(sys.modules)))")
    assert done.returncode == 0, done.stderr
    return {name.partition(".")[0] for name in json.loads(done.stdout)}


@pytest.mark.parametrize("package", ["cache", "extract", "train"])
def test_packages_come_from_this_checkout_and_import_nothing_heavy(python, root: Path, package: str) -> None:
    module = importlib.import_module(package)
    assert Path(module.__file__ or "").parent == root / package
    assert not modules_after(python, f"import {package}") & HEAVY


@pytest.mark.parametrize(
    ("code", "forbidden"),
    [
        (
            "from cache import *",
            {"torch", "transformers", "soundfile", "av", "extract", "train", "matplotlib"},
        ),
        ("from cache import CacheReader, CacheWriter", {"h5py", "zarr", "torch"}),
        ("from train import *", {"transformers", "soundfile", "av", "soxr", "extract"}),
        ("from extract import *", {"train", "sklearn", "matplotlib"}),
    ],
)
def test_arrows_point_one_way(python, code: str, forbidden: set[str]) -> None:
    assert not modules_after(python, code) & forbidden


@pytest.mark.parametrize("package", ["cache", "extract", "train"])
def test_help_loads_nothing_heavy(python, package: str) -> None:
    code = f"import sys; sys.argv[1:] = ['--help']\nfrom {package}.__main__ import app\n"
    code += "try: app()\nexcept SystemExit: pass"
    done = python("-c", f"{code}\nimport json; print('MODULES' + json.dumps(sorted(sys.modules)))")
    assert "Usage" in done.stdout
    loaded = {name.partition(".")[0] for name in json.loads(done.stdout.rpartition("MODULES")[2])}
    assert not loaded & HEAVY


@pytest.mark.parametrize("package", ["cache", "extract", "train"])
def test_everything_exported_is_there_however_often_one_asks(package: str) -> None:
    module = importlib.import_module(package)
    for name in module.__all__:
        first = getattr(module, name)
        assert not isinstance(first, type(module)), f"{name} is a module"
        assert getattr(module, name) is first
    with pytest.raises(AttributeError, match="nothing"):
        module.nothing  # noqa: B018


def test_nothing_is_ever_unpickled(root: Path) -> None:
    for package in ("cache", "extract", "train"):
        for path in (root / package).rglob("*.py"):
            text = path.read_text()
            assert "allow_pickle=True" not in text, path
            assert "trust_remote_code" not in text, path
            assert "pickle.load" not in text, path
            assert text.count("torch.load(") == text.count("weights_only=True"), path
