"""What a config says of an encoder in clips → extract → cache: family, fields, frames, head; no torch.

Three families share one code path: wav2vec 2.0, HuBERT and WavLM. Of wav2vec 2.0 there also is the layout of
audeering/wav2vec2-large-robust-12-ft-emotion-msp-dim (Wagner et al., arXiv 2203.07378): keys ``wav2vec2.*`` and
``classifier.dense``, ``classifier.out_proj``, a head for arousal, dominance and valence.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from cache.format.recipe import canonical_json
from cache.format.schema import FRAME_SHIFT, SAMPLING_RATE, VAD_DIMS, FrameField
from extract.errors import EncoderError

FAMILIES = {"wav2vec2": "Wav2Vec2", "hubert": "Hubert", "wavlm": "WavLM"}  # as transformers names its classes
VAD_ARCHITECTURES = {"Wav2Vec2ForSpeechClassification", "EmotionModel"}
# What an architecture has beside the encoder and frame features make no use of.
HEADS = {
    "ForPreTraining": ("quantizer.", "project_q.", "project_hid."),
    "ForCTC": ("lm_head.",),
    "ForSequenceClassification": ("projector.", "classifier.", "layer_weights"),
}
# Everything in a config that changes a value; names, versions and training settings do not.
VALUE_KEYS = (
    "model_type", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "hidden_act",
    "feat_extract_norm", "feat_extract_activation", "conv_dim", "conv_stride", "conv_kernel", "conv_bias",
    "num_conv_pos_embeddings", "num_conv_pos_embedding_groups", "do_stable_layer_norm", "layer_norm_eps",
    "add_adapter",
)  # fmt: skip
# What `plan` needs to know of the default encoder where there is no network.
DEFAULT_CONFIG: dict[str, Any] = {
    "model_type": "wav2vec2", "architectures": ["Wav2Vec2ForSpeechClassification"], "hidden_size": 1024,
    "num_hidden_layers": 12, "feat_extract_norm": "layer", "id2label": dict(enumerate(VAD_DIMS)),
}  # fmt: skip
FAMILY_KEYS = {
    "wav2vec2": (),
    "hubert": ("feat_proj_layer_norm", "conv_pos_batch_norm"),
    "wavlm": ("num_buckets", "max_bucket_distance"),
}


@dataclass(frozen=True)
class Layout:
    """An encoder's shape.

    Attributes:
        family: ``wav2vec2``, ``hubert`` or ``wavlm``.
        layers: the layers asked for, ascending; layer n is what leaves block n, the last one the encoder's output.
        num_layers: how many there are.
        hidden: width of a layer.
        vad_order: where arousal, dominance and valence stand in the head's output; None without such a head.
        unused: prefixes of weights that a declared head has and features do not need.
        values: every setting that changes a value.
    """

    family: str
    layers: tuple[int, ...]
    num_layers: int
    hidden: int
    vad_order: tuple[int, ...] | None
    unused: tuple[str, ...]
    values: dict[str, Any]

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
        return hashlib.sha256(canonical_json([self.values, order]).encode()).hexdigest()


def read_layout(config: Mapping[str, Any], layers: str) -> Layout:
    """Understand an encoder's config.

    Args:
        config: config.json as it is.
        layers: ``last``, or numbers separated by commas.

    Raises:
        EncoderError: another kind of model, a head with other outputs, or no such layer.
    """
    family = str(config.get("model_type"))
    if family not in FAMILIES:
        raise EncoderError(
            f"model_type {family!r} in the encoder's config.json, expected one of {', '.join(FAMILIES)}"
        )
    settings: dict[str, Any] = {**config_class(family)().to_dict(), **config}
    values: dict[str, Any] = {key: settings.get(key) for key in (*VALUE_KEYS, *FAMILY_KEYS[family])}
    names = [str(name) for name in config.get("architectures") or ()]
    layout = Layout(
        family=family,
        layers=_layers(layers, int(values["num_hidden_layers"])),
        num_layers=int(values["num_hidden_layers"]),
        hidden=int(values["hidden_size"]),
        vad_order=_vad_order(config, names),
        unused=tuple(
            prefix for ending, heads in HEADS.items() for prefix in heads if _any_ends(names, ending)
        ),
        values=values,
    )
    if values["add_adapter"] or layout.stride * 50 != SAMPLING_RATE:
        raise EncoderError("the encoder's config.json asks for another frame rate than 50 frames/s")
    return layout


def config_class(family: str) -> Any:
    """Return the class of transformers that holds the settings of a family."""
    import transformers

    return getattr(transformers, FAMILIES[family] + "Config")


def _any_ends(names: list[str], ending: str) -> bool:
    return any(name.endswith(ending) for name in names)


def _vad_order(config: Mapping[str, Any], architectures: list[str]) -> tuple[int, ...] | None:
    labels = {str(name).lower(): int(i) for i, name in (config.get("id2label") or {}).items()}
    if not (VAD_ARCHITECTURES & set(architectures) or labels.keys() & set(VAD_DIMS)):
        return None
    if sorted(labels) != sorted(VAD_DIMS) or sorted(labels.values()) != [0, 1, 2]:
        raise EncoderError(
            f"id2label in the encoder's config.json names {', '.join(labels) or 'nothing'}; "
            f"expected exactly {', '.join(VAD_DIMS)}"
        )
    return tuple(labels[dim] for dim in VAD_DIMS)


def _layers(text: str, count: int) -> tuple[int, ...]:
    if text == "last":
        return (count,)
    try:
        layers = tuple(sorted({count if part.strip() == "last" else int(part) for part in text.split(",")}))
    except ValueError:
        layers = ()
    if not layers or not all(1 <= layer <= count for layer in layers):
        example = f"{max(1, count // 2)},{count}" if count > 1 else "1"
        raise EncoderError(
            f"--layers {text}: expected 'last' or numbers from 1 to {count}, such as {example}"
        )
    return layers
