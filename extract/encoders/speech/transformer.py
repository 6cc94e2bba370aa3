"""A frozen wav2vec 2.0, HuBERT or WavLM at work, with its head for arousal, dominance, valence where it has one.

The method's encoder has its regression head applied to every frame. No class of transformers has that
layout, and the one that loads it without complaint fills the head with random numbers; therefore models
are built from their config, and every weight must be there and find its place.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils import parametrize

from cache.format.schema import SAMPLING_RATE
from extract.encoders import devices
from extract.encoders.base import WHOLE_SECONDS, Encoded, EncoderOptions
from extract.encoders.out_of_memory import HalvedBatches
from extract.encoders.speech.build import build
from extract.encoders.speech.checkpoint import Checkpoint, fill
from extract.encoders.speech.heads import make_head
from extract.encoders.speech.layout import Layout, check_size
from extract.encoders.speech.long_clips import convolve, windows
from extract.encoders.speech.matrix_products import quicken
from extract.encoders.speech.recipe import CHUNKING, LICENCE, STD_FLOOR, speech_recipe

MIXED = -1  # where the sum of all layers that a head takes stands among the layers
CPU_CHUNK = (
    25  # frames: half a second of convolutions stays in a processor's cache, 1.8 × faster than 7 s at once
)


class SpeechTransformer:
    """A frozen speech transformer; see ``extract.encoders.base.Encoder``."""

    def __init__(self, checkpoint: Checkpoint, layout: Layout, options: EncoderOptions) -> None:
        self._layout = layout
        self._device = devices.device(options.device)
        self._precision = devices.precision(options.precision, self._device)
        self._prepared = _preparation(layout, checkpoint.files.normalise)
        check_size(layout, checkpoint.num_values)
        classes = layout.family.classes
        self._model = build(classes + "Config", classes + "Model", checkpoint.files.config, layout.values)
        self._head = None if layout.vad_order is None else make_head(layout)
        fill(self._model, self._head, checkpoint, layout)
        self._inner: dict[int, Tensor] = {}
        self._prepare()
        self.fields = layout.fields
        self.recipe = speech_recipe(checkpoint.files, layout, checkpoint.weights_sha256(), self._precision)
        self.licence = LICENCE
        self.equal_lengths = layout.equal_lengths
        self.chunking = CHUNKING
        self.batch_seconds = devices.batch_seconds(self._device)
        self._batches = HalvedBatches(self._device, self._inner.clear)

    def _prepare(self) -> None:
        """Freeze, fold the weight norm, cast what autocast would cast anew in every call, watch inner layers."""
        self._fold()
        for module in filter(None, (self._model, self._head)):
            module.requires_grad_(False).eval().to(self._device)
        if self._precision != "float32":
            for module in self._model.modules():
                if isinstance(module, nn.Linear | nn.Conv1d):
                    module.to(devices.DTYPES[self._precision])
        if self._precision == "bfloat16" and self._device.type == "cpu":
            self._quicken()
        self._shares = None if self._head is None else self._head.shares()
        blocks = self._model.encoder.layers
        if self._shares is not None:
            blocks[0].register_forward_pre_hook(
                lambda _block, inputs, named: self._keep(0, inputs[0] if inputs else named["hidden_states"]),
                with_kwargs=True,
            )
        for number, block in enumerate(blocks, 1):
            if number in self._layout.layers or self._shares is not None:
                block.register_forward_hook(self._keeper(number))

    def _fold(self) -> None:
        """Fold the weight norm of the positional convolution into its weight."""
        convolution = self._model.encoder.pos_conv_embed.conv
        if parametrize.is_parametrized(convolution):
            parametrize.remove_parametrizations(convolution, "weight")

    def _quicken(self) -> None:
        """Compute what bfloat16 on a CPU has a faster way for in that way."""
        quicken(self._model)

    def _keeper(self, number: int) -> Any:
        """Keep what leaves a block: the inner layer between blocks, before any final norm."""

        def keep(_module: nn.Module, _inputs: Any, output: Any) -> None:
            if number != self._layout.num_layers:  # the last one is the encoder's own output
                self._keep(number, output[0] if isinstance(output, tuple) else output)

        return keep

    def _keep(self, number: int, state: Tensor) -> None:
        """Keep a layer that is asked for, and add it to the sum that a head takes of all layers."""
        if number in self._layout.layers:
            self._inner[number] = state
        if self._shares is not None:
            self._inner[MIXED] = self._inner.get(MIXED, 0.0) + self._shares[number] * state.float()

    def num_frames(self, num_samples: int) -> int:
        """Return the frames of ``num_samples`` samples; 0 when they are too few."""
        return self._layout.num_frames(num_samples)

    def encode(self, clips: Sequence[NDArray[np.float32]]) -> list[Encoded]:
        """Encode clips together; out of memory halves the batch, down to single clips, and is remembered.

        Raises:
            ClipError: ``out_of_memory`` for a single clip.
            EncoderError: the device failed.
        """
        return self._batches.encode(self._encode, clips)

    @property
    def memory_seconds(self) -> float:
        """Padded seconds a batch may have at most; lowered when memory runs out."""
        return self._batches.seconds

    @torch.inference_mode()
    def _encode(self, clips: Sequence[NDArray[np.float32]]) -> list[Encoded]:
        lengths = [len(clip) for clip in clips]
        if len(clips) > 1 and max(lengths) > WHOLE_SECONDS * SAMPLING_RATE:
            return [encoded for clip in clips for encoded in self._encode([clip])]
        frames = [self.num_frames(length) for length in lengths]
        states = self._states(self._inputs(clips).to(self._device), frames)
        fields = {f"hidden_states/{layer}": states[layer] for layer in self._layout.layers}
        last = states[self._layout.num_layers]
        clip_level = {}
        if self._head is not None:
            order = list(self._layout.vad_order or ())
            values, clip_values = self._head(last if self._shares is None else states[MIXED], frames)
            fields["vad"] = values[..., order]
            clip_level["vad"] = devices.to_host({"vad": clip_values[..., order]})["vad"]
        return self._split(fields, clip_level, frames)

    def _inputs(self, clips: Sequence[NDArray[np.float32]]) -> Tensor:
        """Return the clips as the encoder hears them, filled up with zeros: (clips, samples)."""
        inputs = torch.zeros(len(clips), max(map(len, clips)))
        for row, clip in zip(inputs, clips, strict=True):
            row[: len(clip)] = torch.from_numpy(self._prepared(clip))
        return inputs

    def _front(self, inputs: Tensor) -> Tensor:
        """Return what the first block sees: (clips, frames, hidden)."""
        chunk = CPU_CHUNK if self._device.type == "cpu" else 0
        features = convolve(self._model.feature_extractor, inputs, self._layout, chunk)
        hidden = self._model.feature_projection(features)
        return torch.as_tensor(hidden[0] if isinstance(hidden, tuple) else hidden)

    def _states(self, inputs: Tensor, frames: Sequence[int]) -> dict[int, Tensor]:
        """Return layer number → (clips, frames, hidden) float32; the last layer is the encoder's own output."""
        low = devices.DTYPES[self._precision]
        with torch.autocast(self._device.type, low, enabled=self._precision != "float32"):
            hidden = self._front(inputs)
            if min(frames) != max(frames):
                counts = torch.tensor(frames, device=self._device)
                mask = torch.arange(max(frames), device=self._device) < counts[:, None]
                return self._blocks(hidden, mask)
            parts = [(self._blocks(hidden[:, seen], None), kept) for seen, kept in windows(max(frames))]
        if len(parts) == 1:
            return parts[0][0]
        return {layer: torch.cat([part[layer][:, kept] for part, kept in parts], 1) for layer in parts[0][0]}

    def _blocks(self, hidden: Tensor, mask: Tensor | None) -> dict[int, Tensor]:
        with warnings.catch_warnings():  # WavLM's own attention mixes mask types that torch would rather not
            warnings.filterwarnings("ignore", "Support for mismatched key_padding_mask")
            output = self._model.encoder(hidden, attention_mask=mask)
        last = output.last_hidden_state.float()
        if self._shares is not None:
            self._inner[MIXED] += self._shares[self._layout.num_layers] * last
        states = {layer: state.float() for layer, state in self._inner.items()}
        self._inner.clear()
        return {**states, self._layout.num_layers: last}

    def _split(
        self, fields: dict[str, Tensor], clip_level: dict[str, NDArray[Any]], frames: Sequence[int]
    ) -> list[Encoded]:
        """Take the batch apart; one transfer per field, not one per clip."""
        means = devices.to_host(
            {
                name: torch.stack([values[row, :count].mean(dim=0) for row, count in enumerate(frames)])
                for name, values in fields.items()
            }
        )
        arrays = devices.to_host(fields)
        return [
            Encoded(
                frames={name: array[row, :count] for name, array in arrays.items()},
                global_mean={name: mean[row] for name, mean in means.items()},
                clip={name: values[row] for name, values in clip_level.items()},
                windowed=count > WHOLE_SECONDS * 50,
            )
            for row, count in enumerate(frames)
        ]


def _preparation(layout: Layout, normalise: bool) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Return what is done to the samples of a clip first."""
    if "mean" not in layout.head_values:
        return _normalised if normalise else lambda clip: clip
    mean, scale = float(layout.head_values["mean"]), float(layout.head_values["std"]) + STD_FLOOR
    return lambda clip: ((clip - mean) / scale).astype(np.float32)


def _normalised(clip: NDArray[np.float32]) -> NDArray[np.float32]:
    """Zero mean, unit variance, as the checkpoint's feature extractor does it."""
    normalised: NDArray[np.float32] = (clip - clip.mean()) / np.sqrt(clip.var() + 1e-7)
    return normalised
