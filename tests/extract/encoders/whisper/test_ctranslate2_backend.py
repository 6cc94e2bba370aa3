"""Whisper by CTranslate2: devices, precisions, refusals in one line; with real weights, equal to the plain loop."""

from __future__ import annotations

import shutil
import sys

import numpy as np
import pytest

from extract.encoders.base import EncoderOptions
from extract.encoders.lookup import find_encoder
from extract.encoders.whisper.ctranslate2_backend import devices_of, precisions_of
from extract.errors import EncoderError


def test_int8_is_near_float32(load, ctranslate2_folder, sounds, relative) -> None:
    exact, rough = (load(ctranslate2_folder, precision=name) for name in ("float32", "int8"))
    one, other = (e.encode(sounds[2:3])[0].frames["hidden_states/3"] for e in (exact, rough))
    assert 0 < relative(other, one) < 5e-2
    assert (exact.recipe["precision"], rough.recipe["precision"]) == ("float32", "int8")


def test_a_precision_that_the_device_lacks_is_one_line(load, ctranslate2_folder) -> None:
    assert "float32" in precisions_of("cpu")
    if "float16" not in precisions_of("cpu"):
        with pytest.raises(EncoderError, match="--precision float16: this encoder computes in float32, int8"):
            load(ctranslate2_folder, precision="float16")


def test_devices_are_those_that_ctranslate2_sees(ctranslate2_folder) -> None:
    assert devices_of("cpu,cpu") == ["cpu", "cpu"]
    with pytest.raises(EncoderError, match="--device cuda:77: expected auto, cpu or cuda:N"):
        devices_of("cuda:77")


def test_without_the_library_one_line_names_the_extra(monkeypatch, ctranslate2_folder) -> None:
    monkeypatch.setitem(sys.modules, "ctranslate2", None)
    with pytest.raises(EncoderError, match=r"pip install 'emi-fusion\[whisper\]'"):
        find_encoder(EncoderOptions(str(ctranslate2_folder)))


def test_a_model_that_the_library_refuses_is_one_line(ctranslate2_folder, tmp_path, load) -> None:
    for name in ("config.json", "model.bin"):  # without its vocabulary
        (tmp_path / name).write_bytes((ctranslate2_folder / name).read_bytes())
    with pytest.raises(EncoderError, match="CTranslate2 cannot load it on cpu in float32") as caught:
        load(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_decoder_without_its_embeddings_is_one_line(ctranslate2_folder, tmp_path, load) -> None:
    folder = shutil.copytree(ctranslate2_folder, tmp_path / "model")
    whole = (folder / "model.bin").read_bytes()
    (folder / "model.bin").write_bytes(
        whole.replace(b"decoder/embeddings/weight", b"decoder/embeddings/weighs")
    )
    with pytest.raises(EncoderError, match="CTranslate2 cannot load it"):
        load(folder)


def test_no_torch_is_loaded(ctranslate2_folder, python) -> None:
    code = (
        "import sys\nfrom extract import EncoderOptions, load_encoder\nimport numpy as np\n"
        f"e = load_encoder(EncoderOptions({str(ctranslate2_folder)!r}))\n"
        "e.encode([np.zeros(9600, np.float32)])\nprint({'torch', 'transformers'} & set(sys.modules))"
    )
    done = python("-c", code)
    assert done.stdout.strip() == "set()", done.stderr


def test_real_frames_equal_the_plain_loop_over_ctranslate2(real_whisper, load) -> None:
    """The loop a user would write with faster-whisper's mel and ctranslate2, over the same sound and silence."""
    import ctranslate2

    features = pytest.importorskip("faster_whisper.feature_extractor").FeatureExtractor()
    plain = ctranslate2.models.Whisper(str(real_whisper), "cpu", compute_type="float32", intra_threads=1)
    sound = np.random.default_rng(6).normal(0, 0.05, 23_456).astype(np.float32)
    for padding, positions in ((0.5, 73 + 25), (30.0, 1500)):
        padded = np.zeros(positions * 320, np.float32)
        padded[: len(sound)] = sound
        mel = np.ascontiguousarray(features(padded, padding=0)[None, :, : 2 * positions])
        expected = np.array(plain.encode(ctranslate2.StorageView.from_array(mel), to_cpu=True))[0, :73]
        own = load(real_whisper, padding=padding).encode([sound])[0].frames["hidden_states/4"]
        np.testing.assert_allclose(own.astype(np.float16), expected.astype(np.float16), atol=1e-3)


def test_how_far_real_frames_depend_on_the_silence_after_them(real_whisper, load, relative) -> None:
    """Whisper always heard 30 s: with less its values shift, by a quarter at 0.5 s, and ever less with more."""
    time = np.arange(32_000) / 16_000
    sound = (0.2 * np.sin(2 * np.pi * (150 + 50 * np.sin(5 * time)) * time)).astype(np.float32)
    full, *shorter = (
        load(real_whisper, padding=padding).encode([sound])[0].frames["hidden_states/4"]
        for padding in (30.0, 0.5, 5.0)
    )
    distances = [relative(frames, full) for frames in shorter]
    assert 0.6 > distances[0] > distances[1] > 0.0
