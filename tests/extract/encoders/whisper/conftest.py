"""A small Whisper with random weights, in the layouts of transformers and of CTranslate2."""

from __future__ import annotations

import json

import numpy as np
import pytest

SMALL = {
    "vocab_size": 60, "d_model": 32, "encoder_layers": 3, "decoder_layers": 1, "encoder_attention_heads": 4,
    "decoder_attention_heads": 4, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64, "pad_token_id": 0,
    "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 1,
}  # fmt: skip


@pytest.fixture(scope="session")
def small_whisper():
    """The model as transformers initialises it."""
    import torch
    import transformers

    torch.manual_seed(2)
    return transformers.WhisperForConditionalGeneration(transformers.WhisperConfig(**SMALL)).eval()


@pytest.fixture(scope="session")
def whisper_folder(tmp_path_factory, small_whisper):
    """It in the layout of transformers, with its decoder."""
    import transformers

    folder = tmp_path_factory.mktemp("whisper")
    small_whisper.save_pretrained(folder)
    transformers.WhisperFeatureExtractor().save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def write_ctranslate2():
    """Write a folder in the layout of CTranslate2 from the weights of a model of transformers, by its own specs."""
    pytest.importorskip("ctranslate2", reason="the extra [whisper] is not installed")
    from ctranslate2.converters.transformers import WhisperLoader

    def write(model, folder):
        spec = WhisperLoader().get_model_spec(model)
        spec.register_vocabulary([f"<{number}>" for number in range(model.config.vocab_size)])
        spec.validate()
        folder.mkdir(exist_ok=True)
        spec.save(str(folder))
        keys = {"alignment_heads": [[0, 0]], "lang_ids": [], "suppress_ids": [], "suppress_ids_begin": []}
        (folder / "config.json").write_text(json.dumps(keys))
        return folder

    return write


@pytest.fixture(scope="session")
def ctranslate2_folder(tmp_path_factory, small_whisper, write_ctranslate2):
    """The small model in the layout of CTranslate2."""
    return write_ctranslate2(small_whisper, tmp_path_factory.mktemp("ctranslate2") / "model")


@pytest.fixture(scope="session")
def sounds():
    """Clips of several lengths, the shortest a single frame."""
    rng = np.random.default_rng(3)
    return [rng.normal(0, 0.1, int(16_000 * seconds)).astype(np.float32) for seconds in (0.02, 0.5, 1.7, 0.5)]


@pytest.fixture(scope="session")
def plain_states(small_whisper):
    """Every layer of transformers' own forward over the clip and silence up to 30 s: layer → (1500, hidden)."""
    import torch
    import transformers

    def states(sound):
        features = transformers.WhisperFeatureExtractor()(sound, sampling_rate=16_000, return_tensors="pt")
        with torch.inference_mode():
            out = small_whisper.model.encoder(features["input_features"], output_hidden_states=True)
        inner = {number: state[0].numpy() for number, state in enumerate(out.hidden_states)}
        return inner | {SMALL["encoder_layers"]: out.last_hidden_state[0].numpy()}

    return states
