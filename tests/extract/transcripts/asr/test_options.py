"""Options of transcribing: out of range is one line that starts with the flag."""

from __future__ import annotations

import pytest

from extract.errors import ExtractError
from extract.transcripts.asr.options import TranscribeOptions


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "--asr"),
        ({"asr": "x", "shard_clips": 0}, "--shard-clips"),
        ({"asr": "x", "precision": "int4"}, "--precision"),
        ({"asr": "x", "max_seconds": -1.0}, "--max-seconds"),
        ({"asr": "x", "padding": 0.5}, "--padding"),
        ({"asr": "x", "padding": 31}, "--padding"),
    ],
)
def test_out_of_range_is_one_line(options, said) -> None:
    with pytest.raises(ExtractError, match=said):
        TranscribeOptions(**options)


def test_threads_are_at_least_two() -> None:
    assert TranscribeOptions("x").workers >= 2
    assert TranscribeOptions("x", num_workers=1).workers == 1
