"""Which family a config belongs to, also where it does not say, and which files it needs."""

from __future__ import annotations

import pytest

from extract.encoders.families import WEIGHTS, family_of
from extract.encoders.registry import CHECKPOINTS


@pytest.mark.parametrize(
    ("config", "name"),
    [
        ({"model_type": "hubert"}, "hubert"),
        ({"model_type": "whisper"}, "whisper"),
        ({"alignment_heads": [], "lang_ids": []}, "whisper-ctranslate2"),
        ({"pretrain_model": "wavlm_large", "lora_rank": 16}, "vox-profile"),
        ({"model_type": "wav2vec2", "architectures": ["Wav2Small"]}, "wav2small"),
        ({"model_type": "ser"}, "ser"),
    ],
)
def test_a_config_is_known_by_what_stands_in_it(config, name) -> None:
    assert family_of(config).name == name
    assert name in CHECKPOINTS


@pytest.mark.parametrize(
    "config", [{}, {"model_type": [1]}, {"architectures": "Wav2Small"}, {"model_type": None}]
)
def test_what_is_not_known_keeps_its_name(config) -> None:
    assert family_of(config).name == str(config.get("model_type"))
    assert family_of(config).weights == WEIGHTS


def test_only_some_have_settings_of_their_own() -> None:
    assert family_of({"model_type": "wavlm"}).settings
    assert not family_of({"model_type": "ser"}).settings
    assert family_of({"lang_ids": []}).weights == ("model.bin",)
