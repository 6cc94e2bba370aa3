"""The families of encoders: to add one, write its module and add its line here.

A family's module holds how it is described without loading it, how it is loaded, and which clips it may see
together; ``extract.encoders.base`` says what is asked of each.
"""

from __future__ import annotations

from typing import Any

from cache.common.registry import Registry
from extract.errors import EncoderError

DEFAULT_MODEL = "audeering/wav2vec2-large-robust-12-ft-emotion-msp-dim"

BUILT_IN: Registry[Any] = Registry("--model", EncoderError)
"""Encoders without files, by the name that ``--model`` takes; each an ``extract.encoders.base.BuiltInFamily``."""
BUILT_IN.add(
    "logmel",
    "extract.encoders.logmel:describe",
    "80 log-mel bands and the energy, no weights, no download, no torch",
)
BUILT_IN.add(
    "egemaps",
    "extract.encoders.egemaps:describe",
    "25 eGeMAPSv02 descriptors every 10 ms, where opensmile is installed (research only)",
)

CHECKPOINTS: Registry[Any] = Registry("model_type in the encoder's config.json", EncoderError)
"""Encoders with files, by the ``model_type`` of their config.json; each a ``CheckpointFamily`` of that module."""
CHECKPOINTS.add(
    "wav2vec2",
    "extract.encoders.wav2vec2:describe",
    "wav2vec 2.0, with audEERING's head for arousal, dominance and valence where the checkpoint has one",
)
CHECKPOINTS.add("hubert", "extract.encoders.hubert:describe", "HuBERT")
CHECKPOINTS.add("wavlm", "extract.encoders.wavlm:describe", "WavLM")
CHECKPOINTS.add(
    "emi-student",
    "extract.encoders.student:describe",
    "a student of `emi-train distil`: log-mel frames and a small network, without torch",
)
CHECKPOINTS.add(
    "whisper",
    "extract.encoders.whisper.describe:describe",
    "Whisper's encoder, in the layout of transformers",
)
CHECKPOINTS.add(
    "whisper-ctranslate2",
    "extract.encoders.whisper.describe:describe_ctranslate2",
    "the same in the layout of CTranslate2 (model.bin), as faster-whisper takes it",
)
CHECKPOINTS.add("wav2vec2-bert", "extract.encoders.wav2vec2_bert:describe", "wav2vec2-BERT")
CHECKPOINTS.add(
    "ser",
    "extract.encoders.vad.layouts:describe_ser",
    "WavLM with the attentive-statistics head of 3loi/SER-Odyssey-Baseline-WavLM-Multi-Attributes",
)
CHECKPOINTS.add(
    "vox-profile",
    "extract.encoders.vad.layouts:describe_vox_profile",
    "WavLM with the head of tiantiaf/wavlm-large-msp-podcast-emotion-dim (no model_type, but pretrain_model)",
)
CHECKPOINTS.add(
    "wav2small", "extract.encoders.vad.wav2small:describe", "audeering/wav2small, for the smallest machines"
)
