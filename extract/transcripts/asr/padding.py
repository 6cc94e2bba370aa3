"""Hears the silence that fills a clip up to 30 s once, not with every clip: transcribing short clips made fast."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

WINDOW_SECONDS = 30.0  # what a Whisper always hears at once
COLUMNS = 100  # of its log-mel a second; two of them are one position of the encoder


def share_silence(model: Any, padding: float) -> None:
    """Let a faster-whisper model encode each window only up to ``padding`` seconds behind its sound.

    The decoder is given all 30 s as ever: behind those seconds follow the encoder's values of a window without any
    sound, computed once. They are the same for all clips, so a clip is heard as it is whatever its neighbours.
    The encoder then no longer sees the whole silence, which makes it an approximation.

    Args:
        model: a ``faster_whisper.WhisperModel`` on the CPU.
        padding: seconds of silence that are encoded with the sound, below 30.
    """
    silence: list[NDArray[np.float32]] = []  # (1, positions, width), once it is asked for

    def encode(features: NDArray[np.float32]) -> Any:
        window = features if features.ndim == 3 else features[None]
        heard = columns_heard(window, padding)
        encoded = _encoded(model, window[..., :heard])
        if heard < window.shape[-1]:
            if not silence:
                silence.append(_encoded(model, np.zeros_like(window)))
            encoded = np.concatenate([encoded, silence[0][:, encoded.shape[1] :]], axis=1)
        return _stored(encoded)

    model.encode = encode


def columns_heard(window: NDArray[np.float32], padding: float) -> int:
    """Return how many columns of a window (1, bands, columns) are encoded: an even number, all of them at most.

    faster-whisper fills a window up with columns of zeros, which no sound has, nor any silence that was recorded.
    """
    filled = np.flatnonzero(window.any(axis=(0, 1)))
    sound = int(filled[-1]) + 1 if len(filled) else 0
    wanted = sound + round(padding * COLUMNS)
    return min(int(window.shape[-1]), max(2, wanted + wanted % 2))


def _encoded(model: Any, features: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.array(model.model.encode(_stored(features)), np.float32)


def _stored(values: NDArray[np.float32]) -> Any:
    import ctranslate2

    return ctranslate2.StorageView.from_array(np.ascontiguousarray(values))
