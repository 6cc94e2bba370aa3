"""A recogniser that needs no weights, a folder of sound for it, and the real one where it is installed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from extract.transcripts.asr.model_files import AsrFiles
from extract.transcripts.asr.recogniser import Heard
from extract.transcripts.transcript import Word


@pytest.fixture(scope="session")
def whisper_tiny(real_whisper) -> Path:
    """Whisper tiny.en in CTranslate2's layout: real weights."""
    pytest.importorskip("faster_whisper", reason="needs faster-whisper")
    return real_whisper


class FakeRecogniser:
    """Hears how long a clip is and how loud, as words; silence and noise of a certain level are no words."""

    calls = 0

    def __init__(self, _files, _recipe, language, _device) -> None:
        self.language = language or "de"

    def hear(self, samples: np.ndarray) -> Heard:
        type(self).calls += 1
        seconds = len(samples) / 16_000
        if np.abs(samples).max() < 0.001:
            return Heard("", (), self.language, 0.9, False)
        words = (
            (Word("=loud" if np.abs(samples).max() > 0.9 else "soft", 0.0, seconds / 2), 0.75),
            (Word(f"{len(samples)}.", seconds / 2, seconds), 0.5),
        )
        return Heard(" ".join(word.text for word, _ in words), words, self.language, 0.25, False)


@pytest.fixture
def fake_asr(monkeypatch, tmp_path) -> type[FakeRecogniser]:
    """Transcribe with the recogniser above, whatever ``--asr`` names."""
    folder = tmp_path / "asr"
    folder.mkdir()
    for name in ("model.bin", "tokenizer.json", "config.json"):
        (folder / name).write_text("{}")
    home = "extract.transcripts.asr.transcribe."
    monkeypatch.setattr(home + "find_asr", lambda model, _revision: AsrFiles(folder, model, "local"))
    monkeypatch.setattr(home + "device_of", lambda _name: "cpu")
    monkeypatch.setattr(home + "Recogniser", FakeRecogniser)
    FakeRecogniser.calls = 0
    return FakeRecogniser


@pytest.fixture
def sound(tmp_path, voice, write_media) -> Callable[..., Path]:
    """Write clips of sound into a folder."""

    def write(count: int = 5, folder: str = "clips") -> Path:
        for number in range(count):
            write_media(tmp_path / folder / f"{number:02}.wav", voice(0.2 + 0.05 * number))
        return tmp_path / folder

    return write
