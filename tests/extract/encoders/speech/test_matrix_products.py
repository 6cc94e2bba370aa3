"""The faster equivalents for bfloat16 on a CPU give what torch's and transformers' own operations give."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from extract.encoders.base import EncoderOptions
from extract.encoders.lookup import load_encoder
from extract.encoders.speech import matrix_products
from extract.encoders.speech.matrix_products import MatrixConvolution, attention


@pytest.mark.parametrize("clips", [1, 3])
@pytest.mark.parametrize(
    "options",
    [
        {"kernel_size": 10, "stride": 5},
        {"kernel_size": 3, "stride": 2, "bias": False},
        {"kernel_size": 2, "stride": 2},
        {"kernel_size": 8, "padding": 4, "groups": 3},
        {"kernel_size": 5, "padding": 2, "groups": 6, "bias": False},
    ],
)
@pytest.mark.parametrize("channels_last", [False, True])
def test_a_convolution_is_torchs(options, clips, channels_last) -> None:
    torch.manual_seed(0)
    convolution = nn.Conv1d(6, 12, **options)
    inputs = torch.randn(clips, 41, 6).transpose(1, 2) if channels_last else torch.randn(clips, 6, 41)
    with torch.inference_mode():
        expected, found = convolution(inputs), MatrixConvolution(convolution)(inputs)
    assert found.shape == expected.shape
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("frames", [7, 20])
@pytest.mark.parametrize("masked", [False, True])
def test_attention_is_torchs(monkeypatch, frames, masked) -> None:
    monkeypatch.setattr(matrix_products, "MAX_SCORES", 60)  # longer ones in parts, the last one shorter
    torch.manual_seed(0)
    query, key, value = torch.randn(3, 2, 4, frames, 8)
    mask = torch.ones(2, 1, frames, frames, dtype=torch.bool)
    mask[1, :, :, frames - 3 :] = False
    expected = nn.functional.scaled_dot_product_attention(
        query, key, value, mask if masked else None, scale=0.3
    )
    found, weights = attention(
        nn.Module(), query, key, value, mask if masked else None, scaling=0.3, dropout=0.0
    )
    assert weights is None
    torch.testing.assert_close(found, expected.transpose(1, 2), rtol=1e-5, atol=1e-6)


def error_of(found: torch.Tensor, exact: torch.Tensor) -> float:
    return float((found.float() - exact).norm() / exact.norm())


@pytest.mark.parametrize("clips", [1, 2])
def test_in_bfloat16_the_error_is_torchs(clips) -> None:
    torch.manual_seed(0)
    plain, grouped = nn.Conv1d(64, 64, 3, stride=2), nn.Conv1d(64, 64, 16, padding=8, groups=4)
    inputs = torch.randn(clips, 64, 101)
    query, key, value = torch.randn(3, clips, 4, 30, 16)
    mask = torch.ones(clips, 1, 30, 30, dtype=torch.bool)
    mask[-1, :, :, 25:] = False
    with torch.inference_mode():
        for convolution in (plain, grouped):
            exact = convolution(inputs)
            low = convolution.bfloat16()
            ours = error_of(MatrixConvolution(low)(inputs.bfloat16()), exact)
            assert 0 < ours < 1.2 * error_of(low(inputs.bfloat16()), exact)
            convolution.float()
        exact = nn.functional.scaled_dot_product_attention(query, key, value, mask, scale=0.25)
        low = [one.bfloat16() for one in (query, key, value)]
        ours = error_of(attention(nn.Module(), *low, mask, scaling=0.25)[0], exact.transpose(1, 2))
        theirs = error_of(nn.functional.scaled_dot_product_attention(*low, mask, scale=0.25), exact)
    assert 0 < ours < 3 * theirs  # the scores are rounded too


@pytest.mark.parametrize("norm", ["layer", "group"])
@pytest.mark.parametrize("family", ["wav2vec2", "hubert", "wavlm"])
def test_every_family_is_as_exact_as_with_torchs_own(
    save_encoder, voice, tmp_path, monkeypatch, family, norm
) -> None:
    changes = {} if norm == "layer" else {"feat_extract_norm": "group", "do_stable_layer_norm": False}
    folder = save_encoder(tmp_path / "encoder", family, **changes)
    seconds = (0.9, 0.9, 0.5) if norm == "layer" else (0.9, 0.9)  # with a shorter one: padded and masked
    samples = [voice(each, seed=number)[:, 0] for number, each in enumerate(seconds)]

    def encoded(precision: str) -> np.ndarray:
        encoder = load_encoder(EncoderOptions(str(folder), device="cpu", precision=precision))
        return np.concatenate([one.frames["hidden_states/2"] for one in encoder.encode(samples)])

    exact, ours = encoded("float32"), encoded("bfloat16")
    monkeypatch.setattr("extract.encoders.speech.transformer.quicken", lambda _model: None)
    torchs = encoded("bfloat16")
    error, expected = (np.linalg.norm(one - exact) / np.linalg.norm(exact) for one in (ours, torchs))
    assert not np.array_equal(ours, torchs)
    assert 0 < error < 1.2 * expected + 1e-3
