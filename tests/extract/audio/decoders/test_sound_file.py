"""Faults of decoders become entries of the ledger; faults of ours do not."""

from __future__ import annotations

import pytest

from extract.audio.decoders.sound_file import BLOCK_NUMBERS, block_size, check_header, faults
from extract.errors import ClipError


class OwnFault(Exception):
    """What a decoder raises of its own."""


@pytest.mark.parametrize(
    "error", [OwnFault("odd\nmore"), ValueError("odd"), MemoryError("odd"), OSError(5, "odd")]
)
def test_a_fault_of_a_decoder_is_one_line_of_the_ledger(error) -> None:
    with (
        pytest.raises(ClipError, match=r"^decoding stops: odd$") as caught,
        faults("damaged", "decoding stops", OwnFault),
    ):
        raise error
    assert caught.value.reason == "damaged"


def test_a_reason_that_is_known_is_kept_and_a_foreign_fault_goes_on() -> None:
    with pytest.raises(ClipError) as caught, faults("damaged", "decoding stops"):
        raise ClipError("no_audio_stream", "the file has no sound")
    assert caught.value.reason == "no_audio_stream"
    with pytest.raises(OwnFault), faults("damaged", "decoding stops"):
        raise OwnFault


@pytest.mark.parametrize(("rate", "channels"), [(999, 1), (800_000, 1), (16_000, 0), (16_000, 257)])
def test_headers_that_make_no_sense_are_refused(rate, channels) -> None:
    with pytest.raises(ClipError, match=f"header says {rate} Hz, {channels} channels"):
        check_header(rate, channels)


def test_a_block_is_a_second_as_long_as_that_is_bounded() -> None:
    assert block_size(16_000, 2) == 16_000
    assert block_size(799_999, 256) == BLOCK_NUMBERS // 256
    check_header(16_000, 2)
