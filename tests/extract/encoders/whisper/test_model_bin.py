"""The file of CTranslate2's weights: read as it is written, and refused where it is not whole."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from extract.encoders.whisper.model_bin import encoder_sha256, encoder_variables, require_finite
from extract.errors import EncoderError


@pytest.fixture
def path(ctranslate2_folder, tmp_path):
    copy = tmp_path / "model.bin"
    copy.write_bytes((ctranslate2_folder / "model.bin").read_bytes())
    return copy


def test_names_shapes_and_values_are_those_of_the_model(path, small_whisper) -> None:
    variables = encoder_variables(path)
    weight = small_whisper.model.encoder.conv2.weight.numpy(force=True)
    found = variables["encoder/conv2/weight"]
    assert (found.dtype, found.shape) == ("float32", weight.shape)
    data = path.read_bytes()[found.start : found.start + found.size]
    np.testing.assert_array_equal(np.frombuffer(data, np.float32).reshape(weight.shape), weight)
    assert not any(name.startswith("decoder") for name in variables)
    require_finite(path, variables)


def test_the_hash_is_that_of_the_encoder_alone(path) -> None:
    variables = encoder_variables(path)
    before = encoder_sha256(path, variables)
    data = bytearray(path.read_bytes())
    data[min(each.start for each in variables.values()) - 2_000] ^= 1  # of the decoder, which stands first
    path.write_bytes(data)
    assert encoder_sha256(path, variables) == before
    data[variables["encoder/conv1/bias"].start] ^= 1
    path.write_bytes(data)
    assert encoder_sha256(path, variables) != before


def test_values_that_are_not_finite_are_named(path) -> None:
    variables = encoder_variables(path)
    data = bytearray(path.read_bytes())
    start = variables["encoder/conv1/bias"].start
    data[start : start + 4] = struct.pack("<f", float("nan"))
    path.write_bytes(data)
    with pytest.raises(EncoderError, match="encoder/conv1/bias holds values that are not finite"):
        require_finite(path, variables)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data[:0], "not readable as weights"),
        (lambda data: data[:1000], "not readable as weights"),
        (lambda data: data[: len(data) // 3], "is not whole"),
        (lambda data: struct.pack("<I", 99) + data[4:], "found version 99, expected WhisperSpec"),
        (
            lambda data: data.replace(b"WhisperSpec", b"WhispurSpec"),
            "found WhispurSpec, expected WhisperSpec",
        ),
        (lambda data: data[:21] + b"\xff\xff\xff\xff" + data[25:], "not readable as weights"),
    ],
)
def test_a_file_that_is_not_whole_is_one_line(path, change, message) -> None:
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(EncoderError, match=message):
        encoder_variables(path)


def test_no_mutation_of_the_header_is_more_than_one_line(path) -> None:
    data, rng = path.read_bytes(), np.random.default_rng(4)
    for _ in range(200):
        broken = bytearray(data[:3_000])
        broken[rng.integers(0, 600)] = rng.integers(0, 256)
        path.write_bytes(bytes(broken) + data[3_000:])
        try:
            encoder_variables(path)
        except EncoderError as error:
            assert "\n" not in str(error)  # noqa: PT017 - it may be readable too
