"""Labels that were built of streams: the table finds a product, a sum, and the stream that is noise."""

from __future__ import annotations

from dataclasses import replace

import pytest

from train.studies.scored import score_rows


@pytest.fixture
def simulate(bench):
    return bench("simulate_streams")


@pytest.fixture
def base(simulate):
    return replace(simulate.BASE, epochs=20)


def differences(study):
    """Return each row's difference from the first, by name."""
    return dict(zip([row.name for row in study.rows], score_rows(study).differences, strict=True))


def test_of_a_product_the_product_of_streams_says_more(simulate, base, tmp_path):
    corpus = simulate.make_corpus(tmp_path, "product", 600, 300)
    found = differences(simulate.of_fusions(corpus, tmp_path / "out", 1, 1, ("concat", "tensor"), base))
    assert list(found) == ["concat", "tensor", "audio alone", "text alone"]
    assert found["tensor"].low > 0.3


def test_of_a_sum_each_stream_adds_and_noise_does_not(simulate, base, tmp_path):
    corpus = simulate.make_corpus(tmp_path, "sum", 600, 300)
    found = differences(simulate.of_streams(corpus, tmp_path / "out", 1, 1, base))
    assert found["audio + text"].low <= 0 <= found["audio + text"].high, "the face is noise"
    for some in ("audio + face", "face + text", "audio", "text"):
        assert found[some].high < -0.2, some
