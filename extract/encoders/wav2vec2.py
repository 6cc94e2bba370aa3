"""wav2vec 2.0 (Baevski et al., arXiv 2006.11477), with or without a head for arousal, dominance and valence."""

from __future__ import annotations

from extract.encoders.speech.describe import describe_with
from extract.encoders.speech.layout import SpeechFamily

WAV2VEC2 = SpeechFamily(model_type="wav2vec2", classes="Wav2Vec2", settings={"add_adapter": False})
describe = describe_with(WAV2VEC2)
