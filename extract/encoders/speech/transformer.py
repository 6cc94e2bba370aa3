"""A frozen wav2vec 2.0, HuBERT or WavLM at work, with its head for arousal, dominance, valence where it has one.

The method's encoder has its regression head applied to every frame. No class of transformers has that
layout, and the one that loads it without complaint fills the head with random numbers; therefore models
are built from their config, and every weight must be there and find its place.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils import parametrize

from cache.format.schema import SAMPLING_RATE, VAD_DIMS
from extract.encoders import devices
from extract.encoders.base import WHOLE_SECONDS, Encoded, EncoderOptions
from extract.encoders.out_of_memory import HalvedBatches
from extract.encoders.speech.build import build
from extract.encoders.speech.checkpoint import Checkpoint, fill
from extract.encoders.speech.layout import Layout, check_size
from extract.encoders.speech.long_clips import convolve, windows
from extract.encoders.speech.matrix_products import quicken
from extract.encoders.speech.recipe import CHUNKING, LICENCE, speech_recipe

CPU_CHUNK = (
    25  # frames: half a second of convolutions stays in a processor's cache, 1.8 × faster than 7 s at once
)


class RegressionHead(nn.Module):
    """dense → tanh → out_proj; the dropouts of training are left out.

    ``forward`` maps (…, hidden) float32 to (…, 3).
    """

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.dense = nn.Linear(hidden, hidden)
        self.out_proj = nn.Linear(hidden, len(VAD_DIMS))

    def forward(self, hidden: Tensor) -> Tensor:
        """Return the three values in the checkpoint's order."""
        values: Tensor = self.out_proj(torch.tanh(self.dense(hidden)))
        return values


class SpeechTransformer:
    """A frozen speech transformer; see ``extract.encoders.base.Encoder``."""

    def __init__(self, checkpoint: Checkpoint, layout: Layout, options: EncoderOptions) -> None:
        self._layout = layout
        self._device = devices.device(options.device)
        self._precision = devices.precision(options.precision, self._device)
        self._normalise = checkpoint.files.normalise
        check_size(layout, checkpoint.num_values)
        classes = layout.family.classes
        self._model = build(classes + "Config", classes + "Model", checkpoint.files.config, layout.values)
        self._head = RegressionHead(layout.hidden) if layout.vad_order is not None else None
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
        convolution = self._model.encoder.pos_conv_embed.conv
        if parametrize.is_parametrized(convolution):
            parametrize.remove_parametrizations(convolution, "weight")
        for module in filter(None, (self._model, self._head)):
            module.requires_grad_(False).eval().to(self._device)
        if self._precision != "float32":
            for module in self._model.modules():
                if isinstance(module, nn.Linear | nn.Conv1d):
                    module.to(devices.DTYPES[self._precision])
        if self._precision == "bfloat16" and self._device.type == "cpu":
            quicken(self._model)
        for number in self._layout.layers:
            if number != self._layout.num_layers:
                self._model.encoder.layers[number - 1].register_forward_hook(self._keeper(number))

    def _keeper(self, number: int) -> Any:
        """Keep what leaves a block: the inner layer between blocks, before any final norm."""

        def keep(_module: nn.Module, _inputs: Any, output: Any) -> None:
            self._inner[number] = output[0] if isinstance(output, tuple) else output

        return keep

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
        inputs = torch.zeros(len(clips), max(lengths))
        for row, clip in zip(inputs, clips, strict=True):
            row[: len(clip)] = torch.from_numpy(_normalised(clip) if self._normalise else clip)
        frames = [self.num_frames(length) for length in lengths]
        states = self._states(inputs.to(self._device), frames)
        fields = {f"hidden_states/{layer}": states[layer] for layer in self._layout.layers}
        last = states[self._layout.num_layers]
        clip_level = {}
        if self._head is not None:
            fields["vad"] = self._vad(last)
            means = torch.stack([last[row, :count].mean(dim=0) for row, count in enumerate(frames)])
            clip_level["vad"] = devices.to_host({"vad": self._vad(means)})["vad"]
        return self._split(fields, clip_level, frames)

    def _states(self, inputs: Tensor, frames: Sequence[int]) -> dict[int, Tensor]:
        """Return layer number → (clips, frames, hidden) float32; the last layer is the encoder's own output."""
        low = devices.DTYPES[self._precision]
        chunk = CPU_CHUNK if self._device.type == "cpu" else 0
        with torch.autocast(self._device.type, low, enabled=self._precision != "float32"):
            features = convolve(self._model.feature_extractor, inputs, self._layout, chunk)
            hidden = self._model.feature_projection(features)
            hidden = hidden[0] if isinstance(hidden, tuple) else hidden
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
        states = {layer: state.float() for layer, state in self._inner.items()}
        self._inner.clear()
        return {**states, self._layout.num_layers: output.last_hidden_state.float()}

    def _vad(self, hidden: Tensor) -> Tensor:
        """Return arousal, dominance, valence, whatever the checkpoint's own order is."""
        assert self._head is not None  # noqa: S101 - only called where there is one
        return torch.as_tensor(self._head(hidden))[..., self._layout.vad_order]

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


def _normalised(clip: NDArray[np.float32]) -> NDArray[np.float32]:
    """Zero mean, unit variance, as the checkpoint's feature extractor does it."""
    normalised: NDArray[np.float32] = (clip - clip.mean()) / np.sqrt(clip.var() + 1e-7)
    return normalised
