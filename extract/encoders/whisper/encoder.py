"""A Whisper encoder at work, whoever computes it: clips to log-mel windows, frames cut to the clips' lengths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from extract.encoders.base import Encoded
from extract.encoders.whisper.context import CHUNKING, POSITIONS, parts, positions
from extract.encoders.whisper.layout import STRIDE, WhisperLayout
from extract.encoders.whisper.mel import log_mel

Array = NDArray[np.float32]


class Backend(Protocol):
    """What computes the encoder.

    Attributes:
        batch_seconds: padded seconds a batch that suits the device; 0 for one clip at a time.
        memory_seconds: padded seconds a batch may have at most.
    """

    batch_seconds: float

    @property
    def memory_seconds(self) -> float: ...  # noqa: D102

    def encode(self, mels: Sequence[Array]) -> list[dict[int, Array]]:
        """Encode windows of one length, each (bands, 2 positions); return layer → (positions, hidden) float32.

        Raises:
            ClipError: ``out_of_memory`` for a single window.
            EncoderError: the device failed.
        """


class _Window(NamedTuple):
    clip: int
    mel: Array
    kept: slice


class WhisperEncoder:
    """A frozen Whisper encoder; see ``extract.encoders.base.Encoder``."""

    equal_lengths = False
    chunking = CHUNKING

    def __init__(
        self, layout: WhisperLayout, backend: Backend, recipe: Mapping[str, Any], licence: str
    ) -> None:
        self._layout, self._backend = layout, backend
        self.fields, self.recipe, self.licence = layout.fields, recipe, licence
        self.batch_seconds = backend.batch_seconds

    @property
    def memory_seconds(self) -> float:
        """Padded seconds a batch may have at most; lowered when memory runs out."""
        return self._backend.memory_seconds

    def num_frames(self, num_samples: int) -> int:
        """Return the frames of ``num_samples`` samples; 0 when they are too few."""
        return self._layout.num_frames(num_samples)

    def encode(self, clips: Sequence[Array]) -> list[Encoded]:
        """Encode clips; those that are heard in windows of one length go together.

        Raises:
            ClipError: ``out_of_memory`` for a single clip.
            EncoderError: the device failed.
        """
        windows = [window for number, clip in enumerate(clips) for window in self._windows(number, clip)]
        by_length: dict[int, list[int]] = {}
        for index, window in enumerate(windows):
            by_length.setdefault(window.mel.shape[1], []).append(index)
        states: dict[int, dict[int, Array]] = {}
        for indices in by_length.values():
            states.update(zip(indices, self._encode([windows[index].mel for index in indices]), strict=True))
        heard: list[list[dict[int, Array]]] = [[] for _ in clips]
        for index, window in enumerate(windows):
            heard[window.clip].append({layer: state[window.kept] for layer, state in states[index].items()})
        return [_joined(pieces) for pieces in heard]

    def _encode(self, mels: Sequence[Array]) -> list[dict[int, Array]]:
        """Encode windows of one length, as many at once as the longest clip alone may have padded seconds."""
        together = (
            max(1, int(self.memory_seconds * 100 // mels[0].shape[1]))
            if np.isfinite(self.memory_seconds)
            else len(mels)
        )
        return [
            state
            for start in range(0, len(mels), together)
            for state in self._backend.encode(mels[start : start + together])
        ]

    def _windows(self, number: int, clip: Array) -> list[_Window]:
        """Return what the encoder hears of a clip, each window's loudest value taken for itself."""
        found = []
        for seen, kept in parts(self.num_frames(len(clip))):
            last = seen.stop - seen.start < POSITIONS or seen.stop == self.num_frames(len(clip))
            piece = clip[seen.start * STRIDE : len(clip) if last else seen.stop * STRIDE]
            sound = np.zeros(positions(seen.stop - seen.start, self._layout.padding) * STRIDE, np.float32)
            sound[: len(piece)] = piece[: len(sound)]
            found.append(_Window(number, log_mel(sound, self._layout.bands), kept))
        return found


def _joined(pieces: Sequence[dict[int, Array]]) -> Encoded:
    frames = {
        f"hidden_states/{layer}": np.concatenate([piece[layer] for piece in pieces]) for layer in pieces[0]
    }
    means = {
        name: values.mean(axis=0, dtype=np.float64).astype(np.float32) for name, values in frames.items()
    }
    return Encoded(frames, means, {}, windowed=len(pieces) > 1)
