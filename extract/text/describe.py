"""A text encoder before its weights are loaded: its layers, fields, tokens and recipe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from cache.format.schema import FORMAT_VERSION, FrameField
from extract.encoders.speech.settings import read_layers
from extract.text.encoder import TextEncoder, num_layers
from extract.text.model_files import TextFiles, find_text_model
from extract.text.options import TextOptions
from extract.text.tokens import OVERLAP, TextTokenizer

LICENCE = "as the authors of the encoder's weights state it; what somebody said remains personal data"
NOMINAL_SHIFT = 1.0  # seconds: tokens come at no rate; times are in frames/times
TIMES = FrameField("times", 2, np.dtype(np.float32), NOMINAL_SHIFT, ("start", "end"))


@dataclass(frozen=True)
class TextModel:
    """A text encoder, described.

    Attributes:
        tokenizer: loaded.
        fields: the frame fields it yields.
        recipe: everything that determines the values.
        load: loads the encoder itself.
    """

    tokenizer: TextTokenizer
    fields: tuple[FrameField, ...]
    recipe: dict[str, Any]
    load: Callable[[], TextEncoder]


def describe(options: TextOptions, transcripts: Any) -> TextModel:
    """Describe the encoder that the options name.

    Args:
        options: which encoder, layers and precision.
        transcripts: how they were made, for the recipe.

    Raises:
        EncoderError: it cannot be had, or cannot do what the options ask for.
    """
    from extract.encoders import devices

    files = find_text_model(options.model, options.revision)
    layers = read_layers(options.layers, num_layers(files))
    tokenizer = TextTokenizer(files.folder, files.config, options.prefix, options.max_tokens)
    device = devices.names(options.device)[0]
    precision = devices.precision(options.precision, devices.device(device))
    width = int(files.config["hidden_size"])
    names = [f"hidden_states/{layer}" for layer in layers]
    fields = (*(FrameField(name, width, np.dtype(np.float16), NOMINAL_SHIFT) for name in names), TIMES)

    def load() -> TextEncoder:
        return TextEncoder(files, layers, device, precision, tokenizer.pad, options.batch_tokens)

    return TextModel(tokenizer, fields, _recipe(files, tokenizer, options, precision, transcripts) | {
        "layers": list(layers),
        "stored_dtype": {field.name: field.dtype.name for field in fields},
    }, load)  # fmt: skip


def _recipe(
    files: TextFiles, tokenizer: TextTokenizer, options: TextOptions, precision: str, transcripts: Any
) -> dict[str, Any]:
    return {
        "format_version": FORMAT_VERSION,
        "model": files.model,
        "revision": files.revision,
        "weights_sha256": files.weights_sha256(),
        "config_sha256": files.config_sha256(),
        "tokenizer_sha256": tokenizer.sha256(),
        "frames": "tokens",
        "prefix": options.prefix,
        "vad": [],
        "precision": precision,
        "max_tokens": tokenizer.max_tokens,
        "chunking": f"longer texts in windows that share 1/{OVERLAP} of their tokens (approximate)",
        "transcripts": transcripts,
    }
