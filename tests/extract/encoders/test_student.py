"""A student as an encoder: the same bits from sound and cache, nothing of torch, and damage is named."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from cache import CacheReader, verify
from cache.common.student.layout import layout_of
from cache.format.schema import VAD_DIMS
from extract.encoders.base import EncoderOptions
from extract.encoders.lookup import find_encoder, load_encoder
from extract.encoders.student import FEATURES
from extract.errors import EncoderError
from extract.options import ExtractOptions
from extract.run.extract import extract


@pytest.fixture(scope="module")
def student(tmp_path_factory):
    """A folder as ``emi-train distil`` leaves it, with random weights."""

    def make(targets_from: str = "vad", hidden: int = 0, size: str = "72k"):
        folder = tmp_path_factory.mktemp("student")
        names = {"vad": VAD_DIMS, "linear": ("component 1", "component 2", "component 3"), "none": ()}
        layout, rng = layout_of(size, names[targets_from], hidden), np.random.default_rng(0)
        tensors = {
            name: (rng.standard_normal(shape) / np.sqrt(max(1, np.prod(shape[1:])))).astype(np.float32)
            for name, shape in layout.shapes().items()
        }
        save_file(tensors, folder / "model.safetensors")
        config = {
            "model_type": "emi-student",
            "version": 1,
            **layout.to_json(),
            "targets_from": targets_from,
            "logmel_config_sha256": find_encoder(EncoderOptions("logmel")).recipe["config_sha256"],
            "teacher": {"model": "owner/teacher"},
            "licence": "CC BY-NC-SA 4.0",
        }
        (folder / "config.json").write_text(json.dumps(config))
        (folder / "preprocessor_config.json").write_text('{"sampling_rate": 16000, "do_normalize": false}')
        return folder

    return make


def change(folder, **fields):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))
    return EncoderOptions(str(folder))


def test_features_from_the_file_are_those_from_the_log_mel_cache_to_the_bit(
    student, voice, write_media, tmp_path
) -> None:
    folder = student()
    for number in range(3):
        write_media(tmp_path / "media" / f"{number}.wav", voice(0.5 + number, seed=number))
    extract(tmp_path / "media", tmp_path / "logmel", ExtractOptions(EncoderOptions("logmel")))
    extract(tmp_path / "media", tmp_path / "said", ExtractOptions(EncoderOptions(str(folder))))
    assert verify(tmp_path / "said").findings == ()
    encoder = load_encoder(EncoderOptions(str(folder)))
    with CacheReader(tmp_path / "logmel") as heard, CacheReader(tmp_path / "said") as said:
        assert {name: field.width for name, field in said.frame_fields.items()} == {FEATURES: 204, "vad": 3}
        assert (
            said.description.licence
            == "a student of owner/teacher, under its weights' licence: CC BY-NC-SA 4.0"
        )
        assert said.recipe["vad"] == list(VAD_DIMS)
        for clip_id in said.clip_ids:
            clip, again = said[clip_id], encoder.of_logmel(heard.read_frames(clip_id, "logmel"))
            np.testing.assert_array_equal(clip.frames[FEATURES], again.frames[FEATURES].astype(np.float16))
            np.testing.assert_array_equal(clip.frames["vad"], again.frames["vad"])
            np.testing.assert_array_equal(clip.clip["vad"], again.clip["vad"])


def test_a_student_without_vad_claims_none(student, voice) -> None:
    linear, alone = (
        load_encoder(EncoderOptions(str(student(kind, 5, "10k")))) for kind in ("linear", "none")
    )
    for encoder, clip in ((linear, {"readout": (3,)}), (alone, {})):
        (said,) = encoder.encode([voice(0.4)[:, 0]])
        assert {name: values.shape for name, values in said.frames.items()} == {FEATURES: (19, 5)}
        assert {name: values.shape for name, values in said.clip.items()} == clip
        assert encoder.recipe["vad"] == []


def test_weights_decide_the_recipe_and_a_copy_does_not(student, tmp_path) -> None:
    one, two = (find_encoder(EncoderOptions(str(student()))) for _ in range(2))
    assert one.recipe == two.recipe
    other = find_encoder(EncoderOptions(str(student(hidden=4))))
    assert other.recipe["weights_sha256"] != one.recipe["weights_sha256"]
    assert other.recipe["config_sha256"] != one.recipe["config_sha256"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"version": 2}, "version 2, expected 1"),
        ({"channels": -1}, "channels: found -1"),
        ({"logmel_config_sha256": "0"}, "log-mel frames of other settings"),
        ({"dimensions": ["valence", "arousal", "dominance"]}, "vad of"),
        ({"pools": None}, "config.json is not that of a student"),
        ({"dimensions": "abc", "targets_from": "linear"}, "pools and dimensions are lists"),
        ({"dimensions": ["x"] * 5000}, "5000 dimensions"),
        ({"targets_from": "vad "}, "targets_from 'vad ', expected vad or linear or none"),
    ],
)
def test_a_config_that_is_none_is_refused_in_one_line(student, fields, message) -> None:
    folder = student()
    with pytest.raises(EncoderError, match=message) as caught:
        find_encoder(change(folder, **fields))
    assert str(caught.value).startswith(f"{folder}: ")
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("licence", "shown"),
    [
        ("CC\x1b[2J\nBY\u202e", "CC\\u001b[2J\\nBY\\u202e"),
        ({"a": 1}, "not stated"),
        ("x" * 1000, "x" * 500 + " …"),
        (" ", "not stated"),
    ],
)
def test_a_licence_is_a_short_line_whatever_a_folder_says(student, licence, shown) -> None:
    encoder = find_encoder(change(student(), licence=licence, teacher={"model": "a\nb"}))
    assert encoder.licence == f"a student of a\\nb, under its weights' licence: {shown}"


def test_wrong_weights_are_named(student) -> None:
    for spoil in ("missing", "misshapen", "nan"):
        folder = student(size="10k")
        tensors = load_file(folder / "model.safetensors")
        if spoil == "missing":
            tensors["conv.9.bias"] = tensors.pop("conv.2.bias")
        elif spoil == "misshapen":
            tensors["conv.2.bias"] = tensors["conv.2.bias"][:5].copy()
        else:
            tensors["conv.2.bias"][0] = np.nan
        save_file(tensors, folder / "model.safetensors")
        with pytest.raises(
            EncoderError, match=r"missing, unexpected, misshapen or not finite: conv\.2\.bias"
        ):
            load_encoder(EncoderOptions(str(folder)))
    tensors = {
        name: each * np.float32(1e30) for name, each in load_file(student() / "model.safetensors").items()
    }
    save_file(tensors, (folder := student()) / "model.safetensors")
    (said,) = load_encoder(EncoderOptions(str(folder))).encode([np.ones(8000, np.float32)])
    assert not np.isfinite(said.frames[FEATURES]).all()  # the run lists such a clip; nothing is warned of
    (folder / "model.safetensors").write_bytes(b"no")
    with pytest.raises(EncoderError):
        load_encoder(EncoderOptions(str(folder)))


def test_other_devices_layers_and_precisions_are_refused(student) -> None:
    folder = str(student())
    for options in ({"layers": "3"}, {"precision": "float16"}, {"device": "cuda"}):
        with pytest.raises(EncoderError):
            find_encoder(EncoderOptions(folder, **options))


def test_it_needs_no_torch(student, root) -> None:
    code = (
        "import sys, numpy as np\n"
        "from extract.encoders.base import EncoderOptions\n"
        "from extract.encoders.lookup import load_encoder\n"
        "said = load_encoder(EncoderOptions(sys.argv[1])).encode([np.zeros(16000, np.float32)])\n"
        "assert 'torch' not in sys.modules, 'torch was loaded'\n"
    )
    subprocess.run([sys.executable, "-c", code, str(student())], check=True, cwd=root, timeout=60)


@pytest.mark.parametrize("dtype", ["bfloat16", "float8_e4m3fn", "float16"])
def test_weights_of_other_dtypes_are_one_line(student, dtype) -> None:
    import torch
    from safetensors import torch as of_torch

    path = student() / "model.safetensors"
    other = {name: w.to(getattr(torch, dtype)) for name, w in of_torch.load_file(path).items()}
    of_torch.save_file(other, path)
    with pytest.raises(EncoderError, match=r"cannot be read|misshapen"):
        load_encoder(EncoderOptions(str(path.parent)))


def test_weights_in_several_files_are_refused(student) -> None:
    folder = student()
    for name in ("a", "b"):
        (folder / f"{name}.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
    (folder / "model.safetensors").unlink()
    index = {"weight_map": {"x": "a.safetensors", "y": "b.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(EncoderError, match="a student has one file of weights"):
        find_encoder(EncoderOptions(str(folder)))
