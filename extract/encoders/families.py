"""Which family the config.json of an encoder belongs to, and which files such an encoder has beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from extract.encoders.weight_index import INDEX

SAFETENSORS = "model.safetensors"
TORCH_FILE = "pytorch_model.bin"
WEIGHTS = (SAFETENSORS, SAFETENSORS + INDEX, TORCH_FILE, TORCH_FILE + INDEX)  # in this order
MODEL_BIN = "model.bin"
PREPROCESSOR = "preprocessor_config.json"
PROCESSOR = "processor_config.json"  # transformers 5 saves the same settings in it, as one part of several


@dataclass(frozen=True)
class FamilyFiles:
    """A family's name in the registry, and the names of the files that it has beside its config.json.

    Attributes:
        name: in ``extract.encoders.registry.CHECKPOINTS``.
        settings: what says how sound is prepared, the first of these; none where the family always does the same.
        weights: the first of these.
        bare: whether the config says so little that even its fields need the weights.
    """

    name: str
    settings: tuple[str, ...] = (PREPROCESSOR, PROCESSOR)
    weights: tuple[str, ...] = WEIGHTS
    bare: bool = False


# Configs without a model_type of their own, or with somebody else's, by what else stands in them.
CTRANSLATE2 = FamilyFiles("whisper-ctranslate2", (), (MODEL_BIN,), bare=True)
VOX_PROFILE = FamilyFiles("vox-profile", ())
WAV2SMALL = FamilyFiles("wav2small", ())
SER = FamilyFiles("ser", ())  # the authors' own code prepares the sound
KNOWN = {family.name: family for family in (WAV2SMALL, SER)}
CTRANSLATE2_KEYS = frozenset({"alignment_heads", "lang_ids", "suppress_ids", "suppress_ids_begin"})


def family_of(config: Mapping[str, Any]) -> FamilyFiles:
    """Return the family that a config.json belongs to; one that is not known keeps the name the config gives."""
    architectures = config.get("architectures")
    if isinstance(architectures, list) and "Wav2Small" in architectures:
        return WAV2SMALL  # its config calls itself wav2vec2
    if "model_type" not in config:
        if CTRANSLATE2_KEYS & config.keys():
            return CTRANSLATE2
        if "pretrain_model" in config:
            return VOX_PROFILE
    name = str(config.get("model_type"))
    return KNOWN.get(name, FamilyFiles(name))
