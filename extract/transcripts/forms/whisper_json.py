"""Transcripts in the JSON of Whisper's programs: openai-whisper and its kin, whisper.cpp, lists of segments."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from cache.common.foreign_json import ForeignJsonError, read_json_file
from extract.errors import SourceError
from extract.transcripts.transcript import Word, joined

EXPECTED = (
    "expected 'segments' (openai-whisper, WhisperX), 'transcription' (whisper.cpp) or a list of segments"
)


class Read(NamedTuple):
    """What a file says: text, words or longer pieces with times, and the language."""

    text: str
    words: tuple[Word, ...]
    language: str = ""


def read(path: Path) -> Read:
    """Read a transcript.

    Raises:
        SourceError: it is no JSON, or none of a transcript.
    """
    try:
        value = read_json_file(path, object)
    except (OSError, ForeignJsonError) as error:
        raise SourceError(f"{path}: not readable as JSON ({error})") from None
    try:
        return _read(value)
    except (TypeError, ValueError, KeyError, AttributeError, OverflowError):
        raise SourceError(f"{path}: no transcript of Whisper; {EXPECTED}") from None


def _read(value: Any) -> Read:
    if isinstance(value, list):
        return _of_segments(value, None, "")
    if "transcription" in value:
        return _of_whisper_cpp(value)
    if "segments" in value:
        return _of_segments(value["segments"], value.get("text"), str(value.get("language") or ""))
    return Read(_text(value["text"]).strip(), ())


def _of_segments(segments: Iterable[Mapping[str, Any]], text: str | None, language: str) -> Read:
    words: list[Word] = []
    texts = []
    for segment in segments:
        texts.append(_text(segment["text"]))
        start, end = _seconds(segment.get("start")), _seconds(segment.get("end"))
        timed = [word for each in segment.get("words") or () if (word := _word(each)) is not None]
        if timed:
            words += timed
        elif start is not None and end is not None:
            words.append(Word(texts[-1], start, end))
    return Read(joined(texts) if text is None else _text(text).strip(), tuple(words), language)


def _word(value: Mapping[str, Any]) -> Word | None:
    """Return a word with its times; WhisperX leaves out those of words that it could not align."""
    text = value.get("word", value.get("text"))
    start, end = _seconds(value.get("start")), _seconds(value.get("end"))
    return None if start is None or end is None else Word(_text(text), start, end)


def _of_whisper_cpp(value: Mapping[str, Any]) -> Read:
    words, texts = [], []
    for segment in value["transcription"]:
        texts.append(_text(segment["text"]))
        offsets = segment["offsets"]  # milliseconds
        start, end = _seconds(offsets["from"]), _seconds(offsets["to"])
        if start is not None and end is not None:
            words.append(Word(texts[-1], start / 1000, end / 1000))
    language = (value.get("result") or {}).get("language") or ""
    return Read(joined(texts), tuple(words), str(language))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _seconds(value: Any) -> float | None:
    if value is None:
        return None
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError
    return float(value)
