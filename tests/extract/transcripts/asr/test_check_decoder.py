"""Settings of a decoder that would crash CTranslate2: each is one line, and a sound one passes."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from extract.errors import EncoderError
from extract.transcripts.asr.check_decoder import check_decoder

SOUND = {"num_heads": 6, "alignment_layer": -1, "alignment_heads": 1}


def named(text: str) -> bytes:
    return struct.pack("<H", len(text) + 1) + text.encode() + b"\0"


def write(path: Path, layers: int = 2, **settings: int | None) -> Path:
    """Write the variables of a small decoder as ctranslate2's converter does."""
    variables = [("decoder/embeddings/weight", (3, 12), 0, bytes(3 * 12 * 4))]
    variables += [("decoder/layer_norm/beta", (12,), 0, bytes(48))]
    variables += [(f"decoder/layer_{n}/ffn/linear_0/bias", (4,), 0, bytes(16)) for n in range(layers)]
    for name, value in (SOUND | settings).items():
        if value is not None:
            variables.append((f"decoder/{name}", (), 2, struct.pack("<h", value)))
    data = struct.pack("<I", 6) + named("WhisperSpec") + struct.pack("<II", 3, len(variables))
    for name, shape, dtype, content in variables:
        data += named(name) + struct.pack("<B", len(shape)) + b"".join(struct.pack("<I", n) for n in shape)
        data += struct.pack("<BI", dtype, len(content)) + content
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("settings", "pairs"),
    [
        ({}, [[1, 5], [0, 0]]),
        ({"alignment_layer": 1, "alignment_heads": 6}, []),
        ({"alignment_layer": None, "alignment_heads": None}, None),
        ({"num_heads": None}, [[1, 0]]),  # as older converters left it out
    ],
)
def test_what_fits_passes(tmp_path, settings, pairs) -> None:
    check_decoder(write(tmp_path / "model.bin", **settings), {"alignment_heads": pairs})


@pytest.mark.parametrize(
    ("settings", "pairs", "message"),
    [
        ({"alignment_layer": 16383}, [], "alignment_layer is 16383, expected one of 2"),
        ({"alignment_layer": -3}, [], "alignment_layer is -3, expected one of 2"),
        ({"alignment_heads": 0}, [], "alignment_heads is 0, expected 1 to 6"),
        ({"alignment_heads": 7}, [], "alignment_heads is 7, expected 1 to 6"),
        ({"num_heads": 5}, [], "num_heads is 5, expected a divisor of the width, 12"),
        ({"num_heads": 0}, [], "num_heads is 0, expected a divisor"),
        ({}, [[2, 0]], "alignment_heads of config.json name no head of 2 layers of 6"),
        ({}, [[0, 6]], "name no head"),
        ({}, [[0]], "name no head"),
        ({}, "all", "name no head"),
        ({}, [[True, 0]], "name no head"),
    ],
)
def test_what_does_not_is_one_line(tmp_path, settings, pairs, message) -> None:
    path = write(tmp_path / "model.bin", **settings)
    with pytest.raises(EncoderError, match=message) as refused:
        check_decoder(path, {"alignment_heads": pairs})
    assert "\n" not in str(refused.value)
    assert "a damaged decoder" in str(refused.value)


def test_real_weights_pass_and_one_bit_more_does_not(whisper_tiny, tmp_path) -> None:
    from cache.common.foreign_json import read_json_file
    from extract.encoders.whisper.model_bin import read_variables

    config = read_json_file(whisper_tiny / "config.json")
    check_decoder(whisper_tiny / "model.bin", config)
    copy = tmp_path / "model.bin"
    data = bytearray((whisper_tiny / "model.bin").read_bytes())
    data[read_variables(whisper_tiny / "model.bin", "decoder/")["decoder/alignment_layer"].start] ^= 1 << 6
    copy.write_bytes(data)
    with pytest.raises(EncoderError, match="alignment_layer is -65, expected one of 4"):
        check_decoder(copy, config)
