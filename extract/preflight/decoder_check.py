"""Whether the decoders of this machine give back the sound that was written."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from cache.common.errors import EmiError
from cache.format.schema import SAMPLING_RATE
from extract.audio.decode import decode
from extract.preflight.checks import FAILED, OK, Check
from extract.preflight.tone import TONE, Samples, tone
from extract.sources.clips import SourceClip


def _write_soundfile(path: Path, sound: Samples) -> None:
    import soundfile

    soundfile.write(path, sound, SAMPLING_RATE)


def _write_av(path: Path, sound: Samples) -> None:
    import av

    with av.open(str(path), "w") as container:
        codec, kind = ("libopus", "flt") if path.suffix == ".webm" else ("aac", "fltp")
        track: Any = container.add_stream(codec, rate=SAMPLING_RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(sound[None], kind, "mono")
        frame.sample_rate, frame.pts = SAMPLING_RATE, 0
        container.mux(track.encode(frame))
        container.mux(track.encode())


WRITERS: dict[str, Callable[[Path, Samples], None]] = {
    "wav": _write_soundfile, "flac": _write_soundfile, "ogg": _write_soundfile, "mp3": _write_soundfile,
    "mp4": _write_av, "webm": _write_av,
}  # fmt: skip


def decoder_check() -> Check:
    """Write a tone in several containers and read it back."""
    sound, bad = tone(2.0), []
    with tempfile.TemporaryDirectory() as scratch:
        for suffix, write in WRITERS.items():
            path = Path(scratch, f"tone.{suffix}")
            try:
                write(path, sound)
                decoded = decode(SourceClip("tone", path, path.name), 12.0).samples
            except (EmiError, OSError, RuntimeError, ValueError) as error:
                bad.append(f"{suffix} ({str(error).splitlines()[0]})")
                continue
            spectrum = np.abs(np.fft.rfft(decoded[:SAMPLING_RATE]))
            if abs(len(decoded) - len(sound)) > SAMPLING_RATE / 5 or abs(int(spectrum.argmax()) - TONE) > 2:
                bad.append(f"{suffix} (another sound came back)")
    if bad:
        advice = "reinstall soundfile and av: pip install --force-reinstall"
        return Check("decoders", FAILED, ", ".join(bad), advice)
    return Check("decoders", OK, f"{', '.join(WRITERS)} give back what was written")
