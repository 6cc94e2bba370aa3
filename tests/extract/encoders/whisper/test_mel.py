"""The log-mel spectrogram: equal to that of transformers, which OpenAI's own weights come with."""

from __future__ import annotations

import numpy as np
import pytest

from extract.encoders.whisper.mel import log_mel, slaney_filters


@pytest.mark.parametrize("bands", [80, 128])
def test_it_equals_transformers(bands) -> None:
    from transformers import WhisperFeatureExtractor

    sound = np.zeros(480_000, np.float32)
    sound[:70_000] = np.random.default_rng(1).normal(0, 0.1, 70_000)
    extractor = WhisperFeatureExtractor(feature_size=bands)
    expected = extractor(sound[:70_000], sampling_rate=16_000, return_tensors="np")["input_features"][0]
    np.testing.assert_allclose(log_mel(sound, bands), expected, atol=1e-5)


def test_a_frame_every_10_ms_and_silence_is_flat() -> None:
    assert log_mel(np.zeros(1_600, np.float32), 80).shape == (80, 10)
    np.testing.assert_allclose(log_mel(np.zeros(1_600, np.float32), 80), -1.5, atol=1e-6)


def test_triangles_have_one_area() -> None:
    area = slaney_filters(4096, 20).sum(axis=0) * (16_000 / 4096)
    np.testing.assert_allclose(area, 1.0, rtol=2e-2)
