"""A frozen wav2vec2-BERT at work: mel features in the place of convolutions, the rest as the other transformers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import SeamlessM4TFeatureExtractor

from cache.format.schema import SAMPLING_RATE
from extract.encoders.base import EncoderOptions
from extract.encoders.speech.checkpoint import Checkpoint
from extract.encoders.speech.layout import Layout
from extract.encoders.speech.transformer import SpeechTransformer

STEP = 2  # mel frames that make one of the encoder's


class Conformer(SpeechTransformer):
    """See ``extract.encoders.base.Encoder``."""

    def __init__(self, checkpoint: Checkpoint, layout: Layout, options: EncoderOptions) -> None:
        self._mel: Any = SeamlessM4TFeatureExtractor(sampling_rate=SAMPLING_RATE, stride=STEP)
        super().__init__(checkpoint, layout, options)

    def _fold(self) -> None:
        """There is no weight norm in it."""

    def _quicken(self) -> None:
        """Its attention and convolutions are its own."""

    def _inputs(self, clips: Sequence[NDArray[np.float32]]) -> Tensor:
        """Return mel features, each clip's normalised for itself: (clips, frames, 160), filled up with zeros."""
        return pad_sequence([torch.from_numpy(self._features(clip)) for clip in clips], batch_first=True)

    def _features(self, clip: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return (frames, 160): two mel frames side by side; an odd one at the end is left out."""
        made = self._mel(clip, sampling_rate=SAMPLING_RATE, return_tensors="np", padding=False)
        features: NDArray[np.float32] = made["input_features"][0][: self.num_frames(len(clip))]
        return np.ascontiguousarray(features, dtype=np.float32)

    def _front(self, inputs: Tensor) -> Tensor:
        """Return what the first block sees: (clips, frames, hidden)."""
        return torch.as_tensor(self._model.feature_projection(inputs)[0])
