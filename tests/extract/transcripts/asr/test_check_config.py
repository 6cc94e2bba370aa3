"""Numbers that a Whisper's weights do not have are refused before they reach its memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from extract.encoders.whisper.model_bin import DecoderSizes
from extract.errors import EncoderError
from extract.transcripts.asr import check_config

GOOD = {
    "alignment_heads": [[3, 5], [0, 0]],
    "suppress_ids": [1, 99],
    "suppress_ids_begin": [],
    "lang_ids": None,
}


@pytest.fixture(autouse=True)
def sizes(monkeypatch) -> None:
    monkeypatch.setattr(check_config, "decoder_sizes", lambda _: DecoderSizes(100, 4, 6))


def test_numbers_within_the_model_pass() -> None:
    check_config.require_in_range(GOOD, Path("m/model.bin"), {"a": 99})
    check_config.require_in_range(GOOD, Path("m/model.bin"), {})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"alignment_heads": [[4, 0]]},
            r"alignment_heads .* names \[4, 0\], model.bin has 4 layers of 6 heads",
        ),
        ({"alignment_heads": [[0, 0], [0, 6]]}, r"names \[0, 6\]"),
        ({"alignment_heads": [[-1, 0]]}, r"names \[-1, 0\]"),
        ({"alignment_heads": [[1]]}, r"names \[1\]"),
        ({"alignment_heads": [[True, 0]]}, r"names \[True, 0\]"),
        ({"alignment_heads": []}, "expected pairs of a layer and a head"),
        ({"alignment_heads": None}, "expected pairs of a layer and a head"),
        ({"suppress_ids": [100]}, "suppress_ids .* names token 100, model.bin has 100"),
        ({"suppress_ids_begin": [1, -1]}, "suppress_ids_begin .* names token -1"),
        ({"lang_ids": "x" * 99}, "lang_ids .* names token x+, "),
    ],
)
def test_numbers_beyond_it_are_named(change, message) -> None:
    with pytest.raises(EncoderError, match=message) as caught:
        check_config.require_in_range({**GOOD, **change}, Path("m/model.bin"), {"a": 0})
    assert "Get the whole folder again" in str(caught.value)
    assert len(str(caught.value)) < 250


def test_a_tokenizer_of_a_larger_model_is_refused() -> None:
    with pytest.raises(EncoderError, match=r"tokenizer.json numbers 'b' 100, model.bin has 100 tokens"):
        check_config.require_in_range(GOOD, Path("m/model.bin"), {"a": 0, "b": 100})
