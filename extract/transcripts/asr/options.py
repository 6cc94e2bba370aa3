"""Everything a user may choose about transcribing, declared once."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from cache.common.cores import available_cores
from cache.common.option_fields import ONE_OR_MORE, POSITIVE, ZERO_OR_MORE, Range, check_options, option
from extract.errors import ExtractError, with_flag
from extract.options import CLIP_SECONDS, MAX_WORKERS, EngineOptions
from extract.transcripts.asr.padding import WINDOW_SECONDS

PRECISIONS = ("auto", "int8", "float32", "float16")
DEFAULT_BEAMS, MOST_BEAMS = 5, 100
BEAMS = Range(f"1 to {MOST_BEAMS}", lambda beams: 1 <= beams <= MOST_BEAMS)
PADDING = Range("1 to 30 seconds", lambda value: 1 <= value <= WINDOW_SECONDS)


@dataclass(frozen=True)
class TranscribeOptions:
    """Options of ``transcribe``.

    Attributes:
        asr: folder of a Whisper in CTranslate2's layout, or its hub id.
        engine: who does the work.
        revision: branch, tag or commit on the hub.
        language: code such as ``en``; None to detect it in each clip.
        media: folders searched in order for ``<id>.*`` when the source names ids only.
        max_seconds: how much of a clip is used [s]; 0 takes whole clips.
        audio_stream: which audio stream of files that have several, from 0; None for the default one.
        device: ``auto``, ``cpu`` or ``cuda``.
        precision: of the computation; ``auto`` is int8 on a CPU and float16 on CUDA.
        padding: seconds of silence that are encoded with each clip; what is missing up to 30 s is encoded once.
        beams: texts that are followed at once, of which the likeliest is kept; 1 is fastest.
        shard_clips: clips done between two commits.
        num_workers: decoding threads; None for the cores there are.
        update: transcribe clips again whose sound has changed since.
        grace: seconds a stop signal waits for the shard in progress.
        max_minutes: stop in order after so many minutes.
        log_file: a file that lines with times are appended to.

    Raises:
        ExtractError: a value is of another type or out of its range; the message starts with its flag.
    """

    asr: str = option("", "Whisper for CTranslate2: a local folder or a hub id.", flag="--asr")
    engine: EngineOptions = field(default_factory=EngineOptions)
    revision: str | None = option(None, "Branch, tag or commit on the hub.")
    language: str | None = option(None, "Language of all clips, such as en.", shown="detected in each clip")
    media: tuple[Path, ...] = option(
        (), "Folder searched for <id>.*; may be repeated, first wins.", flag="--media"
    )
    max_seconds: float = option(
        12.0, "Use the first so many seconds of a clip; 0 for whole clips.", within=CLIP_SECONDS
    )
    audio_stream: int | None = option(
        None, "Audio stream of files that have several, from 0.", within=ZERO_OR_MORE, shown="the default one"
    )
    device: str = option("auto", "auto, cpu or cuda.", choices=("auto", "cpu", "cuda"))
    precision: str = option("auto", f"{', '.join(PRECISIONS[:-1])} or {PRECISIONS[-1]}.", choices=PRECISIONS)
    padding: float = option(
        WINDOW_SECONDS, "Seconds of silence encoded with each clip: 5 is five times as fast for short clips.",
        within=PADDING,
    )  # fmt: skip
    beams: int = option(
        DEFAULT_BEAMS, "Texts followed at once; 1 is faster and hears a little less.", within=BEAMS
    )
    shard_clips: int = option(32, "Clips between two commits: what a kill may cost.", within=ONE_OR_MORE)
    num_workers: int | None = option(
        None, "Decoding threads.", within=ONE_OR_MORE, shown="the cores there are"
    )
    update: bool = option(False, "Transcribe clips again whose sound has changed since.", flag="--update")
    grace: float = option(30.0, "Seconds a stop waits for the shard at hand.")
    max_minutes: float | None = option(
        None, "Stop in order after so many minutes (exit code 75).", within=POSITIVE
    )
    log_file: Path | None = option(None, "Append what happens, with times.")

    def __post_init__(self) -> None:
        object.__setattr__(self, "asr", os.fspath(self.asr))
        object.__setattr__(self, "media", tuple(self.media))
        check_options(self, with_flag(ExtractError, TranscribeOptions))
        if not self.asr:
            raise ExtractError(
                "--asr: found nothing, expected a folder or hub id of a Whisper for CTranslate2"
            )

    @property
    def workers(self) -> int:
        """Decoding threads."""
        return self.num_workers or max(2, min(MAX_WORKERS, available_cores()))
