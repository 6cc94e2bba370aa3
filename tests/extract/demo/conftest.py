"""How long the demo's media are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import pytest
import soundfile


@pytest.fixture(scope="session")
def decoded_seconds() -> Callable[[Path], float]:
    """The seconds of a file's sound, once decoded."""

    def measure(path: Path) -> float:
        if path.suffix != ".mp4":
            samples, rate = soundfile.read(path)
            return len(samples) / rate
        with av.open(str(path)) as container:
            frames = list(container.decode(audio=0))
            return sum(frame.samples for frame in frames) / frames[0].sample_rate

    return measure
