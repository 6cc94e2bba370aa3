"""The method's encoder: frozen wav2vec 2.0 and its valence-arousal-dominance head, applied to every frame.

Layout of audeering/wav2vec2-large-robust-12-ft-emotion-msp-dim (Wagner et al., arXiv 2203.07378): keys
``wav2vec2.*`` and ``classifier.dense``, ``classifier.out_proj``. No class of transformers has this
layout, and the one that loads it without complaint fills the head with random numbers; therefore the
model is built from its config, and every weight must be there and find its place.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import Wav2Vec2Config, Wav2Vec2Model
from transformers.utils import logging as transformers_logging

from cache.recipe import canonical_json
from cache.schema import FRAME_SHIFT, VAD_DIMS, FrameField
from extract.encoders.base import Encoded, EncoderOptions
from extract.encoders.checkpoint import Checkpoint
from extract.errors import ClipError, EncoderError

BACKBONE = "wav2vec2."
HEAD = "classifier."
UNUSED = "masked_spec_embed"  # masks frames while pretraining; no part of inference
CUDA_BATCH_SECONDS = 240.0
DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
# Everything in a config that changes a value; names, versions and training settings do not.
VALUE_KEYS = (
    "model_type", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "hidden_act",
    "feat_extract_norm", "feat_extract_activation", "conv_dim", "conv_stride", "conv_kernel", "conv_bias",
    "num_conv_pos_embeddings", "num_conv_pos_embedding_groups", "do_stable_layer_norm", "layer_norm_eps",
    "add_adapter",
)  # fmt: skip
LICENCE = (
    "as the authors of the encoder's weights state it; those published by audEERING are CC BY-NC-SA 4.0 "
    "(research only, share alike, name the authors)"
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


class Wav2Vec2Vad:
    """A frozen wav2vec 2.0 with its regression head; see ``extract.encoders.base.Encoder``."""

    def __init__(self, checkpoint: Checkpoint, options: EncoderOptions) -> None:
        transformers_logging.set_verbosity_error()  # it warns of token ids, which speech has none of
        self._config = _config(checkpoint)
        self._order = _vad_order(checkpoint)
        self._device = _device(options.device)
        self._precision = _precision(options.precision, self._device)
        self._layers = _layers(options.layers, self._config.num_hidden_layers)
        self._normalise = checkpoint.normalise
        hidden = int(self._config.hidden_size)
        self._model = Wav2Vec2Model(self._config)
        self._head = RegressionHead(hidden)
        _fill(self._model, self._head, checkpoint)
        for module in (self._model, self._head):
            module.requires_grad_(False).eval().to(self._device)
        self.fields = (
            *(FrameField(f"hidden_states/{n}", hidden, np.dtype(np.float16)) for n in self._layers),
            FrameField("vad", len(VAD_DIMS), np.dtype(np.float32), FRAME_SHIFT, VAD_DIMS),
        )
        self.recipe = self._recipe(checkpoint)
        self.licence = LICENCE
        self.equal_lengths = self._config.feat_extract_norm != "layer"
        self.batch_seconds = CUDA_BATCH_SECONDS if self._device.type == "cuda" else 0.0

    def num_frames(self, num_samples: int) -> int:
        """Return the frames of ``num_samples`` samples; 0 when they are too few."""
        frames = num_samples
        for kernel, stride in zip(self._config.conv_kernel, self._config.conv_stride, strict=True):
            frames = (frames - kernel) // stride + 1 if frames >= kernel else 0
        return frames

    def encode(self, clips: Sequence[NDArray[np.float32]]) -> list[Encoded]:
        """Encode clips together; out of memory halves the batch, down to single clips.

        Raises:
            ClipError: ``out_of_memory`` for a single clip.
        """
        try:
            return self._encode(clips)
        except torch.OutOfMemoryError:
            if len(clips) == 1:
                seconds = len(clips[0]) / 16_000
                raise ClipError("out_of_memory", f"{seconds:.1f} s do not fit {self._device}") from None
        torch.cuda.empty_cache()
        half = len(clips) // 2
        return self.encode(clips[:half]) + self.encode(clips[half:])

    @torch.inference_mode()
    def _encode(self, clips: Sequence[NDArray[np.float32]]) -> list[Encoded]:
        frames = [self.num_frames(len(clip)) for clip in clips]
        states = self._hidden_states([self._convolved(clip) for clip in clips], frames)
        vad = self._vad(states[self._config.num_hidden_layers])
        return [self._encoded(states, vad, row, count) for row, count in enumerate(frames)]

    def _convolved(self, clip: NDArray[np.float32]) -> Tensor:
        """Return (frames, channels) of one clip alone: no padding is computed, and no batch mate can matter."""
        samples = torch.from_numpy(_normalised(clip) if self._normalise else clip)
        with self._autocast():
            features: Tensor = self._model.feature_extractor(samples[None].to(self._device))
        return features[0].T

    def _hidden_states(self, convolved: Sequence[Tensor], frames: Sequence[int]) -> dict[int, Tensor]:
        """Return layer number → (clips, frames, hidden) float32.

        An inner layer is what its block passes on; the last one is the encoder's own output, after its
        final layer norm.
        """
        last = self._config.num_hidden_layers
        padded = nn.utils.rnn.pad_sequence(list(convolved), batch_first=True)
        mask = torch.arange(max(frames))[None, :] < torch.tensor(frames)[:, None]
        inner: dict[int, Tensor] = {}
        hooks = [
            self._model.encoder.layers[layer - 1].register_forward_hook(_keep(inner, layer))
            for layer in self._layers
            if layer != last
        ]
        try:
            with self._autocast():
                hidden, _ = self._model.feature_projection(padded)
                output = self._model.encoder(hidden, attention_mask=mask.to(self._device))
        finally:
            for hook in hooks:
                hook.remove()
        return {**inner, last: output.last_hidden_state.float()}

    def _autocast(self) -> torch.autocast:
        return torch.autocast(
            self._device.type, DTYPES[self._precision], enabled=self._precision != "float32"
        )

    def _vad(self, hidden: Tensor) -> Tensor:
        """Return arousal, dominance, valence, whatever the checkpoint's own order is."""
        return torch.as_tensor(self._head(hidden))[..., self._order]

    def _encoded(self, states: dict[int, Tensor], vad: Tensor, row: int, frames: int) -> Encoded:
        fields = {f"hidden_states/{layer}": states[layer][row, :frames] for layer in self._layers}
        fields["vad"] = vad[row, :frames]
        last = states[self._config.num_hidden_layers][row, :frames]
        return Encoded(
            frames={name: values.cpu().numpy() for name, values in fields.items()},
            global_mean={name: values.mean(dim=0).cpu().numpy() for name, values in fields.items()},
            clip={"vad": self._vad(last.mean(dim=0)).cpu().numpy()},
        )

    def _recipe(self, checkpoint: Checkpoint) -> dict[str, Any]:
        values = {key: getattr(self._config, key, None) for key in VALUE_KEYS}
        return {
            "model": checkpoint.model,
            "revision": checkpoint.revision,
            "weights_sha256": checkpoint.weights_sha256(),
            "config_sha256": hashlib.sha256(canonical_json([values, self._order]).encode()).hexdigest(),
            "layers": list(self._layers),
            "vad": list(VAD_DIMS),
            "normalisation": "zero mean, unit variance per clip" if self._normalise else "none",
            "precision": self._precision,
        }


def _keep(states: dict[int, Tensor], layer: int) -> Callable[..., None]:
    def hook(_module: nn.Module, _inputs: object, output: Tensor | tuple[Tensor, ...]) -> None:
        states[layer] = (output[0] if isinstance(output, tuple) else output).float()

    return hook


def _normalised(clip: NDArray[np.float32]) -> NDArray[np.float32]:
    """Zero mean, unit variance, as the checkpoint's feature extractor does it."""
    normalised: NDArray[np.float32] = (clip - clip.mean()) / np.sqrt(clip.var() + 1e-7)
    return normalised


def _config(checkpoint: Checkpoint) -> Wav2Vec2Config:
    kind = checkpoint.config.get("model_type")
    if kind != "wav2vec2":
        raise EncoderError(
            f"model_type {kind!r} in the encoder's config.json, expected 'wav2vec2' with a regression head"
        )
    return Wav2Vec2Config.from_dict(checkpoint.config)


def _vad_order(checkpoint: Checkpoint) -> list[int]:
    labels = {str(name).lower(): int(i) for i, name in checkpoint.config.get("id2label", {}).items()}
    if sorted(labels) != sorted(VAD_DIMS) or sorted(labels.values()) != [0, 1, 2]:
        raise EncoderError(
            f"id2label in the encoder's config.json names {', '.join(labels) or 'nothing'}; "
            f"expected exactly {', '.join(VAD_DIMS)}"
        )
    return [labels[dim] for dim in VAD_DIMS]


def _fill(model: nn.Module, head: nn.Module, checkpoint: Checkpoint) -> None:
    """Load every weight; a missing, unexpected or misshapen one is an error that lists it."""
    wanted = {BACKBONE + name: tensor for name, tensor in model.state_dict().items()}
    wanted |= {HEAD + name: tensor for name, tensor in head.state_dict().items()}
    wanted.pop(BACKBONE + UNUSED, None)
    given = {name: tensor for name, tensor in checkpoint.weights.items() if name != BACKBONE + UNUSED}
    problems = [f"missing {name}" for name in sorted(wanted.keys() - given.keys())]
    problems += [f"unexpected {name}" for name in sorted(given.keys() - wanted.keys())]
    problems += [
        f"{name} is {tuple(given[name].shape)}, expected {tuple(wanted[name].shape)}"
        for name in sorted(wanted.keys() & given.keys())
        if given[name].shape != wanted[name].shape
    ]
    if problems:
        more = f" and {len(problems) - 5} more" if len(problems) > 5 else ""
        raise EncoderError(
            f"the encoder's weights do not fit its config: {'; '.join(problems[:5])}{more}. "
            "No weight may be left to chance: get the complete checkpoint"
        )
    for module, prefix in ((model, BACKBONE), (head, HEAD)):
        part = {n.removeprefix(prefix): t for n, t in given.items() if n.startswith(prefix)}
        module.load_state_dict(part, strict=False)


def _layers(text: str, count: int) -> tuple[int, ...]:
    if text == "last":
        return (count,)
    try:
        layers = tuple(sorted({count if part.strip() == "last" else int(part) for part in text.split(",")}))
    except ValueError:
        layers = ()
    if not layers or not all(1 <= layer <= count for layer in layers):
        raise EncoderError(
            f"--layers {text}: expected 'last' or numbers from 1 to {count}, such as 6,{count}"
        )
    return layers


def _device(name: str) -> torch.device:
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise EncoderError(f"--device {name}: expected auto, cpu, cuda or cuda:N") from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise EncoderError(f"--device {name}: torch sees {torch.cuda.device_count()} CUDA devices here")
    return device


def _precision(name: str, device: torch.device) -> str:
    if name == "auto":
        return "float16" if device.type == "cuda" else "float32"
    if name not in DTYPES:
        raise EncoderError(f"--precision {name}: expected auto, {', '.join(DTYPES)}")
    return name
