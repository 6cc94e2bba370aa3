"""What is known of a Whisper encoder before it is loaded: its size, fields and frames, in either layout."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from cache.format.recipe import canonical_json
from cache.format.schema import FRAME_SHIFT, SAMPLING_RATE, FrameField
from extract.encoders.base import EncoderOptions
from extract.encoders.hub import ModelFiles
from extract.encoders.speech.check_weights import refuse_weights
from extract.encoders.speech.settings import check_settings, read_layers
from extract.encoders.whisper.context import PADDING_SECONDS, POSITIONS
from extract.encoders.whisper.mel import FFT, HOP
from extract.encoders.whisper.model_bin import ENCODER, Variable
from extract.errors import EncoderError

MEL_BANDS = (80, 128)
STRIDE = 2 * HOP  # samples from one frame to the next
# Everything in transformers' config that changes a value of the encoder, with its defaults.
SETTINGS: dict[str, Any] = {
    "d_model": 384, "encoder_layers": 4, "encoder_attention_heads": 6, "encoder_ffn_dim": 1536,
    "num_mel_bins": 80, "max_source_positions": POSITIONS, "activation_function": "gelu",
}  # fmt: skip
SOUND = {
    "feature_size": None,
    "n_fft": FFT,
    "hop_length": HOP,
    "chunk_length": POSITIONS * STRIDE // SAMPLING_RATE,
}
# The shapes of ctranslate2's WhisperSpec, of width d, b bands and a feed-forward layer of f.
OUTER = {
    "conv1/weight": "d b 3", "conv1/bias": "d", "conv2/weight": "d d 3", "conv2/bias": "d",
    "layer_norm/gamma": "d", "layer_norm/beta": "d", "num_heads": "", "position_encodings/encodings": "p d",
}  # fmt: skip
INNER = {
    "self_attention/layer_norm/gamma": "d", "self_attention/layer_norm/beta": "d",
    "self_attention/linear_0/weight": "3d d", "self_attention/linear_0/bias": "3d",
    "self_attention/linear_1/weight": "d d", "self_attention/linear_1/bias": "d",
    "ffn/layer_norm/gamma": "d", "ffn/layer_norm/beta": "d", "ffn/linear_0/weight": "f d",
    "ffn/linear_0/bias": "f", "ffn/linear_1/weight": "d f", "ffn/linear_1/bias": "d",
}  # fmt: skip
BLOCK = re.compile(ENCODER + r"layer_(\d{1,3})/")
SCALE = "_scale"  # what a weight stored as int8 is multiplied with stands beside it


@dataclass(frozen=True)
class WhisperLayout:
    """A Whisper encoder's shape.

    Attributes:
        layers: the layers asked for, ascending; layer n is what leaves block n, the last one the encoder's output.
        num_layers: how many there are.
        hidden: width of a layer.
        bands: of the log-mel spectrogram, 80 or 128.
        values: every setting that changes a value.
        padding: seconds of silence that follow a clip.
    """

    layers: tuple[int, ...]
    num_layers: int
    hidden: int
    bands: int
    values: dict[str, Any]
    padding: float

    @property
    def fields(self) -> tuple[FrameField, ...]:
        """The frame fields it yields."""
        names = (f"hidden_states/{layer}" for layer in self.layers)
        return tuple(FrameField(name, self.hidden, np.dtype(np.float16), FRAME_SHIFT) for name in names)

    def num_frames(self, num_samples: int) -> int:
        """Return the whole 20 ms of ``num_samples`` samples: what the encoder makes of its padding is cut off."""
        return num_samples // STRIDE

    def config_sha256(self) -> str:
        """Return a hash of every setting that changes a value."""
        return hashlib.sha256(canonical_json(self.values).encode()).hexdigest()


def transformers_layout(files: ModelFiles, options: EncoderOptions) -> WhisperLayout:
    """Understand the config.json and preprocessor_config.json of transformers.

    Raises:
        EncoderError: a setting cannot be used, or there is no such layer.
    """
    values = {key: files.config.get(key, default) for key, default in SETTINGS.items()}
    check_settings(values, SETTINGS)
    hidden, bands = int(values["d_model"]), int(values["num_mel_bins"])
    for key, expected in {**SOUND, "feature_size": bands}.items():
        if files.settings.get(key, expected) != expected:
            raise EncoderError(
                f"{options.model}: {key} of its feature extractor is {files.settings[key]!r:.60}, "
                f"expected {expected}"
            )
    _check_size(bands, int(values["max_source_positions"]))
    if hidden % int(values["encoder_attention_heads"]):
        raise EncoderError(
            f"d_model {hidden} in the encoder's config.json is no multiple of encoder_attention_heads "
            f"{values['encoder_attention_heads']}"
        )
    count = int(values["encoder_layers"])
    return WhisperLayout(read_layers(options.layers, count), count, hidden, bands, values, _padding(options))


def ctranslate2_layout(variables: Mapping[str, Variable], options: EncoderOptions) -> WhisperLayout:
    """Understand the weights of a CTranslate2 model; its config.json says nothing of the encoder.

    Raises:
        EncoderError: one is missing, unexpected or misshapen, or there is no such layer: only the encoder's output
            can be had.
    """
    first = variables.get(ENCODER + "conv1/weight")
    inner = variables.get(ENCODER + "layer_0/ffn/linear_0/weight")
    if first is None or len(first.shape) != 3 or inner is None or not inner.shape:
        raise EncoderError(
            f"model.bin holds no {ENCODER}conv1/weight and {ENCODER}layer_0: no encoder of Whisper"
        )
    hidden, bands = first.shape[:2]
    _check_size(bands, POSITIONS)
    count = 1 + max(int(found[1]) for found in map(BLOCK.match, variables) if found)
    sizes = {"d": hidden, "b": bands, "f": inner.shape[0], "p": POSITIONS, "3": 3, "3d": 3 * hidden}
    wanted = {ENCODER + name: shape for name, shape in OUTER.items()}
    wanted |= {f"{ENCODER}layer_{n}/{name}": shape for n in range(count) for name, shape in INNER.items()}
    _check_variables(
        {name: tuple(sizes[each] for each in shape.split()) for name, shape in wanted.items()}, variables
    )
    if read_layers(options.layers, count) != (count,):
        raise EncoderError(
            f"--layers {options.layers}: CTranslate2 gives the encoder's output alone, layer {count}; "
            "for inner layers take the layout of transformers"
        )
    values = {
        "d_model": hidden,
        "encoder_layers": count,
        "encoder_ffn_dim": inner.shape[0],
        "num_mel_bins": bands,
    }
    return WhisperLayout((count,), count, hidden, bands, values, _padding(options))


def _padding(options: EncoderOptions) -> float:
    return PADDING_SECONDS if options.padding is None else options.padding


def _check_size(bands: int, positions: int) -> None:
    if bands not in MEL_BANDS or positions != POSITIONS:
        raise EncoderError(
            f"this Whisper hears {bands} bands and {positions} positions; expected {MEL_BANDS[0]} or "
            f"{MEL_BANDS[1]} bands and {POSITIONS} positions (30 s)"
        )


def _check_variables(wanted: Mapping[str, tuple[int, ...]], given: Mapping[str, Variable]) -> None:
    plain = {name for name in given if not (name.endswith(SCALE) and name.removesuffix(SCALE) in wanted)}
    problems = [f"missing {name}" for name in sorted(wanted.keys() - plain)]
    problems += [f"unexpected {name}" for name in sorted(plain - wanted.keys())]
    problems += [
        f"{name} is {given[name].shape}, expected {shape}"
        for name, shape in sorted(wanted.items())
        if name in given and given[name].shape != shape
    ]
    refuse_weights(problems)
