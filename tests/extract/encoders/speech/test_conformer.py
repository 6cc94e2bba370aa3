"""wav2vec2-BERT at work: equal to transformers' own forward in every layer, alone or together."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from extract.encoders.base import EncoderOptions
from extract.encoders.lookup import find_encoder
from extract.errors import EncoderError

SMALL = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 64}


@pytest.fixture(scope="module")
def model():
    import transformers

    torch.manual_seed(3)
    return transformers.Wav2Vec2BertModel(transformers.Wav2Vec2BertConfig(**SMALL)).eval()


@pytest.fixture(scope="module")
def folder(tmp_path_factory, model):
    import transformers

    folder = tmp_path_factory.mktemp("bert")
    model.save_pretrained(folder)
    transformers.SeamlessM4TFeatureExtractor().save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def sounds():
    rng = np.random.default_rng(3)
    return [rng.normal(0, 0.1, samples).astype(np.float32) for samples in (560, 8_000, 27_111, 9_999)]


def test_every_layer_equals_transformers_own_forward(load, folder, model, sounds) -> None:
    import transformers

    encoder = load(folder, layers="1,2,3")
    for sound in sounds[1:]:
        made = transformers.SeamlessM4TFeatureExtractor()(sound, sampling_rate=16_000, return_tensors="pt")
        with torch.inference_mode():
            states = model(**made, output_hidden_states=True).hidden_states
        frames = encoder.encode([sound])[0].frames
        for layer in (1, 2, 3):
            own = frames[f"hidden_states/{layer}"]
            assert len(own) == encoder.num_frames(len(sound))
            np.testing.assert_allclose(own, states[layer][0, : len(own)].numpy(), atol=1e-5)


def test_a_clip_does_not_depend_on_its_batch(load, folder, sounds, relative) -> None:
    encoder = load(folder)
    for sound, together in zip(sounds, encoder.encode(sounds), strict=True):
        alone = encoder.encode([sound])[0].frames["hidden_states/3"]
        assert np.isfinite(alone).all()
        assert relative(together.frames["hidden_states/3"], alone) <= 1e-5


def test_the_recipe_is_that_of_the_unloaded_encoder(load, folder) -> None:
    unloaded = find_encoder(EncoderOptions(str(folder), device="cpu"))
    loaded = load(folder)
    assert (loaded.recipe, loaded.chunking) == (unloaded.recipe, unloaded.chunking)


def test_weights_that_do_not_fit_are_named(edited, load, folder) -> None:
    with pytest.raises(EncoderError, match=r"missing encoder\.layers\.1\.ffn1\.output_dense\.bias"):
        load(edited(folder, lambda weights: weights.pop("encoder.layers.1.ffn1.output_dense.bias")))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize(("precision", "bound"), [("float32", 1e-4), ("float16", 2e-2)])
def test_frames_on_cuda_are_those_of_the_cpu(load, folder, sounds, relative, precision, bound) -> None:
    options = EncoderOptions(str(folder), layers="1,3", device="cuda", precision=precision)
    expected = load(folder, layers="1,3").encode(sounds)
    for one, other in zip(find_encoder(options).load().encode(sounds), expected, strict=True):
        assert all(relative(one.frames[name], values) < bound for name, values in other.frames.items())
