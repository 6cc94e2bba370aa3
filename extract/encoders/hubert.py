"""HuBERT (Hsu et al., arXiv 2106.07447): one of the families of speech encoders that transformers builds."""

from __future__ import annotations

from extract.encoders.speech.describe import describe_with
from extract.encoders.speech.layout import SpeechFamily

HUBERT = SpeechFamily(
    model_type="hubert",
    classes="Hubert",
    settings={"add_adapter": None, "feat_proj_layer_norm": True, "conv_pos_batch_norm": False},
)
describe = describe_with(HUBERT)
