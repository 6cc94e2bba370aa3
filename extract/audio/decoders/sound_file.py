"""An open sound file: what every decoder is asked for, and how its faults become a clip's entry in the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from extract.errors import ClipError

Block = NDArray[np.float32]

BLOCK = 1.0  # seconds per block
BLOCK_NUMBERS = 1 << 21  # samples × channels a block may hold, whatever a header claims
RATES = range(1_000, 800_000)  # Hz; anything else is a broken header
MAX_CHANNELS = 256
# What native decoders and their Python bindings have been seen to raise on bytes they were not written for,
# beside the errors of their own. It is caught around calls into them only: the same fault in our own code
# ends the run.
DECODER_FAULTS = (
    OSError, ValueError, RuntimeError, ArithmeticError, LookupError, EOFError, MemoryError, AttributeError,
    TypeError,
)  # fmt: skip


@dataclass(frozen=True)
class Gap:
    """So many samples, at the file's rate, for which the file has no sound though its clock went on."""

    samples: int

    def __len__(self) -> int:
        return self.samples


Piece = Block | Gap


class Decoder(Protocol):
    """An open sound file.

    Attributes:
        container: for example ``wav`` or ``mp4``.
        codec: for example ``pcm_16`` or ``aac``.
        sampling_rate: [Hz].
        channels: how many.
        promised: seconds of sound the container says it holds; None when it does not say, or not reliably.
        start: where on the container's timeline its sound begins [s]; 0 for files without a timeline.
        tracks: how many audio streams the container has.
        track: which of the audio streams is decoded, counted from 0.
        changes: how often rate or channels changed on the way, as far as it was decoded.
    """

    container: str
    codec: str
    sampling_rate: int
    channels: int
    promised: float | None
    start: float
    tracks: int
    track: int
    changes: int

    def blocks(self, start: int) -> Iterator[Piece]:
        """Yield (samples, channels) float32 from sample ``start`` after the first one on.

        Where packets are missing, a ``Gap`` takes their place. Blocks of a stream that changes may differ in
        their channels, never in their rate.

        Raises:
            ClipError: ``damaged`` where decoding stops before the end.
        """

    def measured(self) -> float | None:
        """Return the length from bytes or packets, without decoding them [s]; ends the decoder's use."""

    def close(self) -> None:
        """Let go of the file."""


@contextmanager
def faults(reason: str, what: str, *kinds: type[Exception]) -> Iterator[None]:
    """Turn whatever a decoder raises, ``kinds`` of its own among it, into the clip's entry in the ledger."""
    expected: tuple[type[Exception], ...] = (*kinds, *DECODER_FAULTS)
    try:
        yield
    except ClipError:
        raise
    except expected as error:
        text = str(getattr(error, "strerror", None) or error).strip() or type(error).__name__
        raise ClipError(reason, f"{what}: {text.splitlines()[0][:200]}") from None


def check_header(rate: int, channels: int) -> None:
    """Refuse a sampling rate or a number of channels that no recorder has.

    Raises:
        ClipError: ``unreadable``.
    """
    if rate not in RATES or not 1 <= channels <= MAX_CHANNELS:
        raise ClipError("unreadable", f"header says {rate} Hz, {channels} channels")


def block_size(rate: int, channels: int) -> int:
    """Return the samples of a block."""
    return max(1, min(round(BLOCK * rate), BLOCK_NUMBERS // channels))
