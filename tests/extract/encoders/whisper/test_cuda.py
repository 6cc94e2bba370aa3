"""Whisper on a CUDA device: frames as on the CPU, whatever the batch, in every layer and precision."""

from __future__ import annotations

import pytest
import torch

from extract.encoders.base import EncoderOptions
from extract.encoders.lookup import load_encoder

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]


@pytest.mark.parametrize(("precision", "bound"), [("float32", 1e-4), ("float16", 2e-2), ("bfloat16", 0.1)])
def test_frames_are_those_of_the_cpu(load, whisper_folder, sounds, relative, precision, bound) -> None:
    options = EncoderOptions(str(whisper_folder), layers="1,3", device="cuda", precision=precision)
    encoder, expected = load_encoder(options), load(whisper_folder, layers="1,3").encode(sounds)
    for batch in (sounds, sounds[1:2]):
        for found, wanted in zip(
            encoder.encode(batch), expected if batch is sounds else expected[1:2], strict=True
        ):
            for layer in ("hidden_states/1", "hidden_states/3"):
                assert len(found.frames[layer]) == len(wanted.frames[layer])
                assert relative(found.frames[layer], wanted.frames[layer]) < bound
