"""wav2vec2-BERT (SeamlessCommunication, arXiv 2312.05187): conformer blocks over mel features, 50 frames/s."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from extract.encoders.base import Encoder, EncoderOptions
from extract.encoders.hub import ModelFiles
from extract.encoders.speech.layout import Layout, SpeechFamily
from extract.encoders.speech.recipe import CHUNKING, LICENCE
from extract.encoders.speech.settings import check_settings, read_layers
from extract.encoders.speech.unloaded import UnloadedCheckpoint
from extract.errors import EncoderError

WINDOW, HOP, STRIDE = (
    400,
    160,
    2,
)  # samples of a mel frame, samples between two, mel frames in one of the encoder's
SETTINGS: dict[str, Any] = {
    "hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096,
    "feature_projection_input_dim": 160, "hidden_act": "swish", "layer_norm_eps": 1e-5, "add_adapter": False,
    "use_intermediate_ffn_before_adapter": False, "position_embeddings_type": "relative_key",
    "rotary_embedding_base": 10000, "max_source_positions": 5000, "left_max_position_embeddings": 64,
    "right_max_position_embeddings": 8, "conv_depthwise_kernel_size": 31,
}  # fmt: skip
# What transformers' feature extractor takes; its mel filters and window follow from these.
SOUND = {"feature_size": 80, "num_mel_bins": 80, "stride": STRIDE}
UNUSED = (
    "lm_head.",
    "projector.",
    "classifier.",
    "layer_weights",
    "tdnn.",
    "feature_extractor.",
    "objective.",
)
BERT = SpeechFamily("wav2vec2-bert", "Wav2Vec2Bert", SETTINGS)


@dataclass(frozen=True)
class BertLayout(Layout):
    """A wav2vec2-BERT's shape; it has no convolutions over samples."""

    @property
    def equal_lengths(self) -> bool:
        """False: what pads a clip is masked everywhere."""
        return False

    def num_frames(self, num_samples: int) -> int:
        """Return the frames of ``num_samples`` samples: one for every two whole mel frames."""
        return max(0, (num_samples - WINDOW) // HOP + 1) // STRIDE

    def least_weights(self) -> int:
        """Return how many weights the attention and the two feed-forward layers of a block have."""
        return self.num_layers * (
            4 * self.hidden**2 + 4 * self.hidden * int(self.values["intermediate_size"])
        )


def describe(files: ModelFiles, options: EncoderOptions) -> UnloadedBert:
    """Describe an encoder in the layout of transformers' ``Wav2Vec2BertModel``.

    Raises:
        EncoderError: its settings cannot be used, or it cannot do what the options ask for.
    """
    values = {key: files.config.get(key, default) for key, default in SETTINGS.items()}
    check_settings(values, SETTINGS)
    for key, expected in SOUND.items():
        if files.settings.get(key, expected) != expected:
            raise EncoderError(
                f"{options.model}: {key} of its feature extractor is {str(files.settings[key])[:60]}, "
                f"expected {expected}"
            )
    if values["add_adapter"] or values["feature_projection_input_dim"] != SOUND["feature_size"] * STRIDE:
        raise EncoderError("the encoder's config.json asks for another frame rate than 50 frames/s")
    count = int(values["num_hidden_layers"])
    layout = BertLayout(
        BERT, read_layers(options.layers, count), count, int(values["hidden_size"]), None, UNUSED, values,
        prefix="wav2vec2_bert.",
    )  # fmt: skip
    return UnloadedBert(files, options, layout)


class UnloadedBert(UnloadedCheckpoint[BertLayout]):
    """A wav2vec2-BERT that is not loaded; see ``extract.encoders.base.UnloadedEncoder``."""

    licence = LICENCE
    chunking = CHUNKING.replace("convolutions exact; ", "")

    @cached_property
    def recipe(self) -> dict[str, Any]:
        """Its part of the cache's recipe."""
        return self.recipe_of(
            self._layout.config_sha256(), layers=list(self._layout.layers), vad=[],
            normalisation="zero mean, unit variance per mel band and clip",
        )  # fmt: skip

    def load(self, device: str | None = None) -> Encoder:
        """Load it on a device, by default the first of ``devices``."""
        from extract.encoders.speech.checkpoint import load_checkpoint
        from extract.encoders.speech.conformer import Conformer

        options = replace(self._options, device=device or self.devices()[0])
        encoder = Conformer(load_checkpoint(self._files), self._layout, options)
        encoder.recipe = self.recipe | {"precision": encoder.recipe["precision"]}
        encoder.chunking = self.chunking
        return encoder
