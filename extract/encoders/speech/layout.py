"""What a config.json says of a speech encoder: its family, fields, frames and head; no torch.

Of wav2vec 2.0 there also is the layout of audeering/wav2vec2-large-robust-12-ft-emotion-msp-dim (Wagner et al.,
arXiv 2203.07378): keys ``wav2vec2.*`` and ``classifier.dense``, ``classifier.out_proj``, a head for arousal,
dominance and valence.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cache.format.recipe import canonical_json
from cache.format.schema import FRAME_SHIFT, SAMPLING_RATE, VAD_DIMS, FrameField
from extract.encoders.speech.settings import check_settings, read_layers, refuse_larger
from extract.errors import EncoderError

VAD_ARCHITECTURES = {"Wav2Vec2ForSpeechClassification", "EmotionModel"}
# What an architecture has beside the encoder and frame features make no use of.
HEADS = {
    "ForPreTraining": ("quantizer.", "project_q.", "project_hid."),
    "ForCTC": ("lm_head.",),
    "ForSequenceClassification": ("projector.", "classifier.", "layer_weights"),
}
# Everything in a config that changes a value, with what transformers takes where a config.json does not say;
# names, versions and training settings change none. That these are its defaults is checked when a model is built.
COMMON_SETTINGS: dict[str, Any] = {
    "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072,
    "hidden_act": "gelu", "feat_extract_norm": "group", "feat_extract_activation": "gelu",
    "conv_dim": [512] * 7, "conv_stride": [5, 2, 2, 2, 2, 2, 2], "conv_kernel": [10, 3, 3, 3, 3, 2, 2],
    "conv_bias": False, "num_conv_pos_embeddings": 128, "num_conv_pos_embedding_groups": 16,
    "do_stable_layer_norm": False, "layer_norm_eps": 1e-5,
}  # fmt: skip


@dataclass(frozen=True)
class SpeechFamily:
    """A family of speech encoders that this code runs.

    Attributes:
        model_type: what its config.json calls it; also the first part of its weights' names.
        classes: how transformers names its classes, ``Wav2Vec2`` for ``Wav2Vec2Config`` and ``Wav2Vec2Model``.
        settings: what changes a value beside ``COMMON_SETTINGS``, with transformers' defaults.
    """

    model_type: str
    classes: str
    settings: Mapping[str, Any]

    def values(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return every setting that changes a value, as the config or the default has it."""
        defaults = {**COMMON_SETTINGS, **self.settings, "model_type": self.model_type}
        return {key: config.get(key, default) for key, default in defaults.items()}


@dataclass(frozen=True)
class Layout:
    """An encoder's shape.

    Attributes:
        family: to which it belongs.
        layers: the layers asked for, ascending; layer n is what leaves block n, the last one the encoder's output.
        num_layers: how many there are.
        hidden: width of a layer.
        vad_order: where arousal, dominance and valence stand in the head's output; None without such a head.
        unused: prefixes of weights that a declared head has and features do not need.
        values: every setting that changes a value.
        head: which head it is, a name in ``extract.encoders.speech.heads``, where there is one.
        head_values: every setting of that head that changes a value.
        prefix: what the names of the encoder's weights begin with.
    """

    family: SpeechFamily
    layers: tuple[int, ...]
    num_layers: int
    hidden: int
    vad_order: tuple[int, ...] | None
    unused: tuple[str, ...]
    values: dict[str, Any]
    head: str = "audeering"
    head_values: dict[str, Any] = field(default_factory=dict)
    prefix: str = ""

    @property
    def fields(self) -> tuple[FrameField, ...]:
        """The frame fields it yields."""
        names = [f"hidden_states/{layer}" for layer in self.layers]
        fields = tuple(FrameField(name, self.hidden, np.dtype(np.float16)) for name in names)
        if self.vad_order is None:
            return fields
        return (*fields, FrameField("vad", len(VAD_DIMS), np.dtype(np.float32), FRAME_SHIFT, VAD_DIMS))

    @property
    def equal_lengths(self) -> bool:
        """Group norm over time: padding changes values even under a mask."""
        return bool(self.values["feat_extract_norm"] != "layer")

    @property
    def stride(self) -> int:
        """Samples from one frame to the next."""
        return int(np.prod(self.values["conv_stride"]))

    @property
    def receptive_field(self) -> int:
        """Samples that one frame is computed from."""
        field = 1
        pairs = zip(self.values["conv_kernel"], self.values["conv_stride"], strict=True)
        for kernel, stride in reversed(list(pairs)):
            field = (field - 1) * stride + kernel
        return field

    def num_frames(self, num_samples: int) -> int:
        """Return the frames of ``num_samples`` samples; 0 when they are too few."""
        return max(0, (num_samples - self.receptive_field) // self.stride + 1)

    def config_sha256(self) -> str:
        """Return a hash of every setting that changes a value."""
        order = None if self.vad_order is None else list(self.vad_order)
        described = [self.values, order, *([self.head_values] if self.head_values else [])]
        return hashlib.sha256(canonical_json(described).encode()).hexdigest()

    def least_weights(self) -> int:
        """Return how many weights attention, feed-forward and convolution alone have."""
        values, hidden = self.values, self.hidden
        convolutions = zip([1, *values["conv_dim"]], values["conv_dim"], values["conv_kernel"], strict=False)
        least = self.num_layers * (4 * hidden * hidden + 2 * hidden * int(values["intermediate_size"]))
        return least + sum(int(one * other * kernel) for one, other, kernel in convolutions)


def read_layout(config: Mapping[str, Any], layers: str, family: SpeechFamily) -> Layout:
    """Understand an encoder's config.

    Args:
        config: config.json as it is.
        layers: ``last``, or numbers separated by commas.
        family: the one whose ``model_type`` the config has.

    Raises:
        EncoderError: a head with other outputs, another frame rate, or no such layer.
    """
    values = family.values(config)
    check_settings(values, {**COMMON_SETTINGS, **family.settings})
    if len({len(values[key]) for key in ("conv_dim", "conv_stride", "conv_kernel")}) > 1:
        raise EncoderError(
            "the encoder's config.json cannot be used: conv_dim, conv_stride and conv_kernel differ in length"
        )
    names = [str(name) for name in _listed(config.get("architectures"))]
    layout = Layout(
        family=family,
        layers=read_layers(layers, int(values["num_hidden_layers"])),
        num_layers=int(values["num_hidden_layers"]),
        hidden=int(values["hidden_size"]),
        vad_order=_vad_order(config, names),
        unused=tuple(
            prefix for ending, heads in HEADS.items() for prefix in heads if _any_ends(names, ending)
        ),
        values=values,
        prefix=family.model_type + ".",
    )
    if values["add_adapter"] or layout.stride * 50 != SAMPLING_RATE:
        raise EncoderError("the encoder's config.json asks for another frame rate than 50 frames/s")
    return layout


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _any_ends(names: list[str], ending: str) -> bool:
    return any(name.endswith(ending) for name in names)


def _vad_order(config: Mapping[str, Any], architectures: list[str]) -> tuple[int, ...] | None:
    try:
        labels = {str(name).lower(): int(i) for i, name in dict(config.get("id2label") or {}).items()}
    except (TypeError, ValueError):
        raise EncoderError("id2label in the encoder's config.json is no object of number → name") from None
    if not (VAD_ARCHITECTURES & set(architectures) or labels.keys() & set(VAD_DIMS)):
        return None
    if sorted(labels) != sorted(VAD_DIMS) or sorted(labels.values()) != [0, 1, 2]:
        raise EncoderError(
            f"id2label in the encoder's config.json names {', '.join(labels) or 'nothing'}; "
            f"expected exactly {', '.join(VAD_DIMS)}"
        )
    return tuple(labels[dim] for dim in VAD_DIMS)


def check_size(layout: Layout, num_values: int) -> None:
    """Refuse a config that describes a far larger encoder than there are weights, before memory is taken for it.

    Raises:
        EncoderError: attention, feed-forward and convolution weights alone are more than there are.
    """
    refuse_larger(layout.least_weights(), num_values)
