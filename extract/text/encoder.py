"""A frozen text encoder of transformers at work: windows of tokens in, the hidden states of every token out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from cache.common.errors import is_out_of_memory
from extract.encoders import devices
from extract.encoders.base import Encoded
from extract.encoders.speech.check_weights import MAX_LISTED
from extract.encoders.speech.settings import used_settings
from extract.encoders.speech.weight_files import without_fractions
from extract.errors import EncoderError
from extract.text.model_files import TextFiles
from extract.text.tokens import Tokens, Window

OF_LAYERS = re.compile(r"layers?\.\d+\.")  # a weight of the encoder itself, not of a head
ADAPTER = "adapter_config.json"  # transformers would read other weights because of it
POOLER = "pooler."  # a head on the first token, which frames make no use of
CLS = "cls"  # the clip-level field: the last layer's first token


class TextEncoder:
    """A text encoder, loaded; none of its weights was left to chance."""

    def __init__(
        self,
        files: TextFiles,
        layers: Sequence[int],
        device: str,
        precision: str,
        pad: int,
        batch_tokens: int,
    ) -> None:
        self._device = devices.device(device)
        self._layers, self._pad, self._batch_tokens = tuple(layers), pad, batch_tokens
        self._last = num_layers(files)
        self._model = _load(files)
        self._model.requires_grad_(False).eval()
        self._model.to(self._device, devices.DTYPES[precision])

    def encode(self, texts: Sequence[Tokens]) -> list[Encoded]:
        """Encode transcripts together; what comes out of each does not depend on the others.

        Returns:
            For each the frames ``hidden_states/N`` (tokens, width) and ``times`` (tokens, 2), their means, and
            ``cls`` (width,): the last layer's first token, of a text in windows the mean over these.

        Raises:
            MemoryError: they do not fit the memory together.
            EncoderError: the encoder cannot compute them.
        """
        windows = [window for tokens in texts for window in tokens.windows]
        try:
            states = self._in_batches(windows)
        except Exception as error:  # as below; out of memory is one of them
            if not (isinstance(error, torch.OutOfMemoryError) or is_out_of_memory(error)):
                raise EncoderError(
                    f"the text encoder fails on {self._device}: {' '.join(str(error).split())[:300]}; does its "
                    "tokenizer.json belong to its weights, or its config.json? Committed shards are intact"
                ) from None
            raise MemoryError from None
        encoded, position = [], 0
        for tokens in texts:
            mine = states[position : position + len(tokens.windows)]
            position += len(mine)
            encoded.append(self._joined(tokens, mine))
        return encoded

    def _joined(self, tokens: Tokens, states: Sequence[dict[int, NDArray[np.float32]]]) -> Encoded:
        frames: dict[str, NDArray[Any]] = {
            f"hidden_states/{layer}": np.concatenate(
                [state[layer][w.first : w.stop] for w, state in zip(tokens.windows, states, strict=True)]
            )
            for layer in self._layers
        }
        frames["times"] = tokens.times
        means: dict[str, NDArray[Any]] = {
            name: values.mean(axis=0, dtype=np.float32) for name, values in frames.items()
        }
        cls: NDArray[np.float32] = np.mean(
            [state[self._last][0] for state in states], axis=0, dtype=np.float32
        )
        return Encoded(frames, means, {CLS: cls}, windowed=len(states) > 1)

    def _in_batches(self, windows: Sequence[Window]) -> list[dict[int, NDArray[np.float32]]]:
        """Return the hidden states of windows: those of like length together, in the order they came."""
        order = sorted(range(len(windows)), key=lambda i: (-len(windows[i].ids), i))
        states: dict[int, dict[int, NDArray[np.float32]]] = {}
        while order:
            size = max(1, self._batch_tokens // len(windows[order[0]].ids))
            batch, order = order[:size], order[size:]
            states |= zip(batch, self._together([windows[i].ids for i in batch]), strict=True)
        return [states[i] for i in range(len(windows))]

    def _together(self, texts: Sequence[Sequence[int]]) -> list[dict[int, NDArray[np.float32]]]:
        longest = max(map(len, texts))
        ids = torch.full((len(texts), longest), self._pad)
        mask = torch.zeros((len(texts), longest), dtype=torch.long)
        for row, text in enumerate(texts):
            ids[row, : len(text)] = torch.tensor(text)
            mask[row, : len(text)] = 1
        inner = any(layer != self._last for layer in self._layers)
        with torch.inference_mode():
            out = self._model(
                input_ids=ids.to(self._device),
                attention_mask=mask.to(self._device),
                output_hidden_states=inner,
            )
        kept = {layer: out.hidden_states[layer] for layer in self._layers if layer != self._last}
        kept[self._last] = out.last_hidden_state
        values = {layer: value.float().cpu().numpy() for layer, value in kept.items()}
        return [
            {layer: value[row, : len(text)] for layer, value in values.items()}
            for row, text in enumerate(texts)
        ]


def num_layers(files: TextFiles) -> int:
    """Return how many layers an encoder has.

    Raises:
        EncoderError: it is none that this project runs.
    """
    config = files.config
    if config.get("is_encoder_decoder"):
        raise EncoderError(f"{files.folder}: has a decoder too; expected an encoder such as BERT or XLM-R")
    count, width = config.get("num_hidden_layers"), config.get("hidden_size")
    if (
        not isinstance(count, int)
        or not isinstance(width, int)
        or not (0 < count < 1000 and 0 < width < 1 << 16)
    ):
        raise EncoderError(
            f"{files.folder}: config.json names no num_hidden_layers and hidden_size; expected an encoder such "
            "as BERT, RoBERTa, XLM-R or ModernBERT"
        )
    return count


def _load(files: TextFiles) -> Any:
    """Load the class of transformers that the config names; code beside the weights is never looked at."""
    from transformers import CONFIG_MAPPING, MODEL_MAPPING
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    _refuse_others(files)
    kind = str(files.config.get("model_type"))
    if kind not in CONFIG_MAPPING or CONFIG_MAPPING[kind] not in MODEL_MAPPING:
        raise EncoderError(
            f"{files.folder}: model_type {kind!r} is none of transformers' own; encoders with code of their own "
            "are not run"
        )
    try:
        config = CONFIG_MAPPING[kind].from_dict(used_settings(files.config))
        model_class = MODEL_MAPPING[type(config)]
        _refuse_larger(files, model_class, config)
        model, info = model_class.from_pretrained(
            files.folder,
            config=config,
            local_files_only=True,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # they are listed below
            dtype=torch.float32,
        )
    except EncoderError:
        raise
    except Exception as error:  # whatever a foreign config or file of weights comes to
        reason = " ".join(str(error).split())[:300]
        raise EncoderError(
            f"{files.folder}: cannot be loaded as an encoder of transformers ({reason})"
        ) from None
    problems = list(_problems(model, info))
    if problems:
        more = f" and {len(problems) - MAX_LISTED} more" if len(problems) > MAX_LISTED else ""
        raise EncoderError(
            f"{files.folder}: its weights do not fit its config: {'; '.join(problems[:MAX_LISTED])}{more}. No "
            "weight may be left to chance: get the complete checkpoint"
        )
    return model


def _refuse_others(files: TextFiles) -> None:
    """Refuse weights that transformers would take for other ones than they are."""
    if (files.folder / ADAPTER).exists():
        raise EncoderError(
            f"{files.folder}: {ADAPTER} lies beside the weights; merge the adapter into them, or remove it"
        )
    paths = files.weight_paths()
    whole = without_fractions(*paths) if paths[0].suffix == ".safetensors" else []
    if whole:
        raise EncoderError(
            f"{files.folder}: {', '.join(whole[:MAX_LISTED])}: expected floating-point numbers; get the complete "
            "checkpoint"
        )


def _refuse_larger(files: TextFiles, model_class: Any, config: Any) -> None:
    """Refuse a config of more weights than its files have bytes, before memory is taken for them."""
    with torch.device("meta"):
        empty = model_class(config)
    least = sum(weight.numel() for name, weight in empty.named_parameters() if not name.startswith(POOLER))
    there = sum(path.stat().st_size for path in files.weight_paths())
    if least > there:
        raise EncoderError(
            f"{files.folder}: config.json describes {least} weights, its files have {there} bytes; get the "
            "complete checkpoint"
        )


def _problems(model: Any, info: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the weights; heads that a checkpoint has beside the encoder are passed over."""
    yield from (f"missing {name}" for name in sorted(info["missing_keys"]) if not name.startswith(POOLER))
    yield from (f"unexpected {name}" for name in sorted(info["unexpected_keys"]) if OF_LAYERS.search(name))
    yield from (f"misshapen {row if isinstance(row, str) else row[0]}" for row in info["mismatched_keys"])
    for name, weight in model.named_parameters():
        if not weight.isfinite().all() and not name.startswith(POOLER):
            yield f"{name} holds values that are not finite"
