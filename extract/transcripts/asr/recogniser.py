"""Whisper by way of faster-whisper: a clip's samples become its text, its words with times, and its language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cache.common.cores import available_cores
from cache.common.errors import is_out_of_memory
from cache.format.schema import SAMPLING_RATE
from extract.audio.rules import CURRENT, recipe_of
from extract.encoders.weight_index import read_settings
from extract.errors import ClipError, EncoderError
from extract.transcripts.asr.check_decoder import check_decoder
from extract.transcripts.asr.model_files import CONFIG, INSTALL, WEIGHTS, AsrFiles
from extract.transcripts.asr.options import DEFAULT_BEAMS, TranscribeOptions
from extract.transcripts.asr.padding import WINDOW_SECONDS, share_silence
from extract.transcripts.transcript import Word, joined

# Sound that begins at once is often missed, as of words cut out one by one: 20 of 24 spoken digits were right
# without silence before them, 22 with half a second of it.
LEAD_SECONDS = 0.5
REPEATS = 2.4  # times that the text of a window can be packed: Whisper's own sign of words that go in circles


@dataclass(frozen=True)
class Heard:
    """What the recogniser makes of a clip.

    Attributes:
        text: what was said, empty for nothing.
        words: with times in the clip [s], rounded to milliseconds, and probabilities.
        language: code such as ``en``.
        no_speech: the largest probability of no speech among the clip's windows, from 0 to 1.
        repeats: whether a part of the text goes in circles, as recognisers do where they are lost.
    """

    text: str
    words: tuple[tuple[Word, float], ...]
    language: str
    no_speech: float
    repeats: bool


SILENCE = Heard("", (), "", 1.0, False)


def recipe_of_asr(files: AsrFiles, options: TranscribeOptions, device: str) -> dict[str, Any]:
    """Return everything that determines a transcript, and nothing else.

    Raises:
        EncoderError: the device hears no clip with less than 30 s of silence.
    """
    if options.padding < WINDOW_SECONDS and device != "cpu":
        way_out = "--gpus-per-worker 0" if options.engine.engine == "ray" else "--device cpu"
        raise EncoderError(f"--padding {options.padding:g}: only on a CPU; choose {way_out}, or leave it out")
    padding = {"padding_seconds": float(options.padding)} if options.padding < WINDOW_SECONDS else {}
    return {
        **files.recipe(),
        "language": options.language or "detected",
        "precision": precision(options.precision, device),
        "beams": options.beams,
        "temperature": 0,
        "lead_seconds": LEAD_SECONDS,
        **padding,  # tables that were begun before there was a choice have no such word
        "max_seconds": float(options.max_seconds),
        "sampling_rate": SAMPLING_RATE,
        "resampler": "soxr HQ",
        **recipe_of(CURRENT),
    }


def device_of(name: str) -> str:
    """Return ``cpu`` or ``cuda``; ``auto`` takes CUDA where CTranslate2 has it.

    Raises:
        EncoderError: CTranslate2 is not installed, or has no such device.
    """
    try:
        import ctranslate2
    except ImportError:
        raise EncoderError(INSTALL) from None
    count = ctranslate2.get_cuda_device_count()
    if name == "cuda" and not count:
        raise EncoderError("--device cuda: CTranslate2 sees no CUDA device here; choose cpu")
    return "cuda" if count and name != "cpu" else "cpu"


def precision(name: str, device: str) -> str:
    """Return the precision of the computation; ``auto`` is int8 on a CPU and float16 on CUDA."""
    if name != "auto":
        return name
    return "float16" if device == "cuda" else "int8"


class Recogniser:
    """A Whisper, loaded.

    Every clip is heard alone, in windows of 30 s that Whisper fills up with silence: what is heard of it never
    depends on other clips. No word is drawn by chance (temperature 0), so a clip is always heard the same.
    """

    def __init__(self, files: AsrFiles, recipe: Mapping[str, Any], language: str | None, device: str) -> None:
        try:
            from faster_whisper import WhisperModel
        except ImportError:
            raise EncoderError(INSTALL) from None
        check_decoder(files.folder / WEIGHTS, read_settings(files.folder / CONFIG))
        try:
            self._model = WhisperModel(
                str(files.folder),
                device=device,
                compute_type=recipe["precision"],
                cpu_threads=available_cores(),
                local_files_only=True,
            )
        except (
            Exception
        ) as error:  # tokenizers raises Exception itself; a foreign setting may come to anything
            reason = " ".join(str(error).split())[:300] or type(error).__name__
            raise EncoderError(f"{files.folder}: cannot be loaded as a Whisper ({reason})") from None
        if "padding_seconds" in recipe:
            share_silence(self._model, recipe["padding_seconds"])
        self._language, self._beams = language, int(recipe.get("beams", DEFAULT_BEAMS))
        known = self._model.supported_languages
        if language is not None and language not in known:
            raise EncoderError(f"--language {language}: this model knows {', '.join(sorted(known))}")

    def hear(self, samples: NDArray[np.float32]) -> Heard:
        """Return what is said in a clip, (num_samples,) float32 at 16 kHz.

        Raises:
            ClipError: the recogniser fails on it.
        """
        lead = np.zeros(round(LEAD_SECONDS * SAMPLING_RATE), np.float32)
        try:
            parts, info = self._model.transcribe(
                np.concatenate([lead, samples]),
                language=self._language,
                beam_size=self._beams,
                temperature=0,
                condition_on_previous_text=False,
                word_timestamps=True,
            )
            segments = list(parts)
        except MemoryError:
            raise
        except Exception as error:  # as above
            if is_out_of_memory(error):
                raise MemoryError from None
            reason = " ".join(str(error).split())[:300] or type(error).__name__
            raise ClipError("unreadable", f"the recogniser fails on it ({reason})") from None
        seconds = len(samples) / SAMPLING_RATE
        words = tuple(
            (_in_clip(word.word, word.start, word.end, seconds), round(float(word.probability), 3))
            for segment in segments
            for word in segment.words or ()
        )
        return Heard(
            joined(segment.text for segment in segments),
            words,
            str(info.language),
            round(max((float(segment.no_speech_prob) for segment in segments), default=1.0), 3),
            any(segment.compression_ratio > REPEATS for segment in segments),
        )


def _in_clip(text: str, start: float, end: float, seconds: float) -> Word:
    """Return a word with its times in the clip, without the silence before it; none lies beyond the clip."""
    begin, stop = (round(min(max(float(at) - LEAD_SECONDS, 0.0), seconds), 3) for at in (start, end))
    return Word(text.strip(), begin, max(begin, stop))
