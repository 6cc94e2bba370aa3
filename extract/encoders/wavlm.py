"""WavLM (Chen et al., arXiv 2110.13900): one of the families of speech encoders that transformers builds."""

from __future__ import annotations

from extract.encoders.speech.describe import describe_with
from extract.encoders.speech.layout import SpeechFamily

WAVLM = SpeechFamily(
    model_type="wavlm",
    classes="WavLM",
    settings={"add_adapter": False, "num_buckets": 320, "max_bucket_distance": 800},
)
describe = describe_with(WAVLM)
