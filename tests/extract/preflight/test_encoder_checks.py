"""What an encoder is asked: golden values, batches, what lower precision costs."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from extract.encoders.base import EncoderOptions
from extract.encoders.lookup import load_encoder
from extract.encoders.registry import DEFAULT_MODEL
from extract.preflight import encoder_checks


def test_golden_values_are_compared_for_the_published_encoder_only(tiny_encoder, monkeypatch) -> None:
    encoder = load_encoder(EncoderOptions(str(tiny_encoder), device="cpu"))
    assert encoder_checks._golden(encoder).state == "ok"
    encoder.recipe["model"] = DEFAULT_MODEL
    check = encoder_checks._golden(encoder)
    assert check.state == "FAILED"
    assert "0.5460754" in check.advice
    values = encoder.encode([np.zeros(16_000, np.float32)])[0].clip["vad"]
    monkeypatch.setattr(encoder_checks, "GOLDEN", tuple(values.tolist()))
    assert "as the model card says" in encoder_checks._golden(encoder).found


def test_an_encoder_whose_values_depend_on_the_batch_fails(tiny_encoder, monkeypatch) -> None:
    encoder = load_encoder(EncoderOptions(str(tiny_encoder), device="cpu"))
    plain = encoder._blocks
    monkeypatch.setattr(encoder, "_blocks", lambda hidden, _mask: plain(hidden, None))
    check = encoder_checks._batches(encoder)
    assert check.state == "FAILED"
    assert "--batch-seconds 0" in check.advice


def test_an_encoder_whose_frames_are_longer_is_asked_for_clips_that_have_one() -> None:
    """Such as wav2vec2-BERT, of 35 ms, and eGeMAPS, of 60 ms."""
    shortest = []

    def encode(clips):
        shortest.append(min(map(len, clips)))
        return [SimpleNamespace(frames={"x": clip[:, None]}) for clip in clips]

    encoder = SimpleNamespace(
        equal_lengths=False, encode=encode, num_frames=lambda count: max(0, (count - 560) // 320 + 1)
    )
    assert encoder_checks._batches(encoder).state == "ok"
    assert min(shortest) == 560


def test_precisions_are_compared_where_there_are_lower_ones(tiny_encoder) -> None:
    encoder = load_encoder(EncoderOptions(str(tiny_encoder), device="cpu"))
    low = EncoderOptions(str(tiny_encoder), device="cpu", precision="bfloat16")
    checks = encoder_checks.encoder_checks(encoder, {"bfloat16": lambda: load_encoder(low)}, "cpu")
    assert [check.name for check in checks] == [
        "golden values", "batch invariance", "--precision bfloat16", "speed",
    ]  # fmt: skip
    assert "× as fast as float32 here" in checks[2].found
    assert len(encoder_checks.encoder_checks(load_encoder(EncoderOptions("logmel")), {}, "cpu")) == 3
