"""WavLM with a head for arousal, dominance and valence, in two layouts whose authors ship code of their own.

None of that code is run: the layouts are rebuilt from what is published of them. What could not be checked here,
without a copy of the weights, is said at each; a weight with another name or shape is refused when it is loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from cache.format.schema import SAMPLING_RATE, VAD_DIMS
from extract.encoders.base import EncoderOptions
from extract.encoders.hub import ModelFiles
from extract.encoders.speech.describe import UnloadedSpeechEncoder
from extract.encoders.speech.layout import Layout, SpeechFamily, read_layout
from extract.encoders.speech.settings import check_settings
from extract.encoders.wavlm import WAVLM
from extract.errors import EncoderError

# microsoft/wavlm-large, which both build on and whose settings their own config.json does not repeat.
WAVLM_LARGE: dict[str, Any] = {
    "model_type": "wavlm", "hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16,
    "intermediate_size": 4096, "hidden_act": "gelu", "feat_extract_norm": "layer",
    "feat_extract_activation": "gelu", "conv_dim": [512] * 7,
    "conv_stride": [5, 2, 2, 2, 2, 2, 2], "conv_kernel": [10, 3, 3, 3, 3, 2, 2],
    "conv_bias": False, "num_conv_pos_embeddings": 128, "num_conv_pos_embedding_groups": 16,
    "do_stable_layer_norm": True, "layer_norm_eps": 1e-5, "num_buckets": 320, "max_bucket_distance": 800,
}  # fmt: skip
BACKBONES = {"microsoft/wavlm-large": WAVLM_LARGE, "wavlm_large": WAVLM_LARGE}
ANY_VAD = "EmotionModel"  # the architecture of whose labels arousal, dominance and valence alone are taken
SER_SETTINGS: dict[str, Any] = {
    "num_classes": 3, "hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16,
    "classifier_hidden_layers": 1, "sampling_rate": SAMPLING_RATE,
}  # fmt: skip
VOX_SETTINGS: dict[str, Any] = {"hidden_dim": 256, "lora_rank": 16, "use_conv_output": True}
VOX_UNUSED = ("emotion_layer.", "detailed_out_layer.", "gender_layer.")  # heads for other things


def describe_ser(files: ModelFiles, options: EncoderOptions) -> UnloadedVadEncoder:
    """Describe the layout of ``3loi/SER-Odyssey-Baseline-WavLM-Multi-Attributes`` (Odyssey 2024 challenge, MIT).

    From its model card, config and public rebuilds: ``model_type`` ser, ``ssl_type``, ``mean`` and ``std`` of the
    samples, which are taken off and divided by (with 1e-6 more); weights ``ssl_model.*``, ``pool_model.*``,
    ``ser_model.*``; outputs arousal, dominance, valence, or in the order of ``id2label`` where there is one. Not
    checked here: its published values.

    Raises:
        EncoderError: its settings cannot be used.
    """
    config = files.config
    values = {key: config.get(key, default) for key, default in SER_SETTINGS.items()}
    check_settings(values, SER_SETTINGS)
    if values["sampling_rate"] != SAMPLING_RATE or values["num_classes"] != len(VAD_DIMS):
        raise EncoderError(
            f"sampling_rate {values['sampling_rate']} and num_classes {values['num_classes']} in the encoder's "
            f"config.json, expected {SAMPLING_RATE} and {len(VAD_DIMS)}: {', '.join(VAD_DIMS)}"
        )
    head = {name: _number(config, name) for name in ("mean", "std")}
    if head["std"] <= 0:
        raise EncoderError(f"std in the encoder's config.json is {head['std']:g}, expected more than 0")
    sizes = {key: values[key] for key in ("hidden_size", "num_hidden_layers", "num_attention_heads")}
    own = {**_backbone(config, "ssl_type"), **sizes, "intermediate_size": 4 * int(values["hidden_size"])}
    own |= {"id2label": config.get("id2label") or dict(enumerate(VAD_DIMS)), "architectures": [ANY_VAD]}
    changes: dict[str, Any] = {
        "head": "statistics", "prefix": "ssl_model.",
        "head_values": {
            **head, "head": "statistics", "classifier_hidden_layers": values["classifier_hidden_layers"],
        },
    }  # fmt: skip
    return UnloadedVadEncoder(files, own, options, lambda layout: replace(layout, **changes))


def describe_vox_profile(files: ModelFiles, options: EncoderOptions) -> UnloadedVadEncoder:
    """Describe the layout of ``tiantiaf/wavlm-large-msp-podcast-emotion-dim`` (Vox-Profile, arXiv 2505.14648).

    From its card and public code: a config without ``model_type`` but with ``pretrain_model``; weights
    ``backbone_model.*``, with low-rank updates of the feed-forward layers, ``weights``, ``model_seq.*`` and a head
    for each of arousal, valence, dominance, which are found by their names. Sound is brought to zero mean and unit
    variance, as microsoft/wavlm-large's own settings have it. Not checked here: its published values. Its authors
    advise clips of 3 to 15 s, and the card's licence (OpenRAIL) rules out commercial use.

    Raises:
        EncoderError: its settings cannot be used.
    """
    config = files.config
    values = {key: config.get(key, default) for key, default in VOX_SETTINGS.items()}
    check_settings(values, VOX_SETTINGS)
    method = config.get("finetune_method", "lora")
    if values["hidden_dim"] != VOX_SETTINGS["hidden_dim"] or method not in ("lora", "finetune", "frozen"):
        raise EncoderError(
            f"hidden_dim {values['hidden_dim']} and finetune_method {str(method)[:60]!r} in the encoder's "
            f"config.json, expected {VOX_SETTINGS['hidden_dim']} and 'lora' or 'finetune'"
        )
    head = {"head": "vox-profile", "use_conv_output": bool(values["use_conv_output"])}
    head |= {"lora_rank": values["lora_rank"]} if method == "lora" else {}
    changes: dict[str, Any] = {
        "head": "vox-profile",
        "prefix": "backbone_model.",
        "head_values": head,
        "unused": VOX_UNUSED,
    }
    own = {
        **_backbone(config, "pretrain_model"),
        "id2label": dict(enumerate(VAD_DIMS)),
        "architectures": [ANY_VAD],
    }
    return UnloadedVadEncoder(files, own, options, lambda layout: replace(layout, **changes))


class UnloadedVadEncoder(UnloadedSpeechEncoder):
    """A WavLM with another head than audEERING's, not loaded; see ``extract.encoders.base.UnloadedEncoder``."""

    def __init__(
        self,
        files: ModelFiles,
        config: dict[str, Any],
        options: EncoderOptions,
        change: Callable[[Layout], Layout],
    ) -> None:
        self._change = change
        super().__init__(WAVLM, replace(files, config=config), options)

    def _read(self, files: ModelFiles, layers: str, family: SpeechFamily) -> Layout:
        return self._change(read_layout(files.config, layers, family))


def _backbone(config: Mapping[str, Any], key: str) -> dict[str, Any]:
    name = config.get(key)
    if not isinstance(name, str) or name not in BACKBONES:
        raise EncoderError(
            f"{key} in the encoder's config.json is {str(name)[:60]!r}, expected {' or '.join(BACKBONES)}"
        )
    return BACKBONES[name]


def _number(config: Mapping[str, Any], key: str) -> float:
    value = config.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e6:
        raise EncoderError(
            f"{key} in the encoder's config.json is {str(value)[:60]!r}, expected a number of its samples"
        )
    return float(value)
