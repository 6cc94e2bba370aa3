"""Out of memory: the batch is halved, down to single clips, and what fitted is remembered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from cache.format.schema import SAMPLING_RATE
from extract.encoders import devices
from extract.errors import ClipError

Samples = NDArray[np.float32]
Result = TypeVar("Result")


@dataclass
class HalvedBatches:
    """Encodes batches on a device, in halves where its memory runs out.

    Attributes:
        device: whose memory it is.
        forget: lets go of what a failed batch left behind.
        seconds: padded seconds a batch may have at most; lowered when memory runs out.
    """

    device: torch.device
    forget: Callable[[], None]
    seconds: float = float("inf")

    def encode(
        self,
        encode: Callable[[Sequence[Samples]], list[Result]],
        clips: Sequence[Samples],
        seconds: Callable[[Samples], float] = lambda clip: len(clip) / SAMPLING_RATE,
    ) -> list[Result]:
        """Return what ``encode`` makes of the clips, of which each takes so many ``seconds`` of memory.

        Raises:
            ClipError: ``out_of_memory`` for a single clip.
            EncoderError: the device failed.
        """
        try:
            return encode(clips)
        except (RuntimeError, MemoryError) as error:  # torch.OutOfMemoryError is a RuntimeError
            devices.raise_unless_out_of_memory(error, self.device)
            longest = max(map(seconds, clips))
            if len(clips) == 1:
                raise ClipError("out_of_memory", f"{longest:.1f} s do not fit {self.device}") from None
        self.forget()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        half = len(clips) // 2
        self.seconds = min(self.seconds, longest * (len(clips) - half))
        return self.encode(encode, clips[:half], seconds) + self.encode(encode, clips[half:], seconds)
