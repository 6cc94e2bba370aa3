"""Clips → extract → cache → train → intensities: the demo's clips, split tables and encoder, as real files.

The six intensities of a demo clip steer a synthetic voice (`extract.demo.voice`), and a tiny encoder with random
weights listens to it. So every line of the real path runs without a download or a GPU, and a head that works can
find the intensities again. Scores on the demo show the plumbing, not the science: they say that media, cache and
training fit together, and nothing about emotion in human voices.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from extract.demo.voice import EMOTIONS, SAMPLING_RATE, Speaker, synthesise
from extract.errors import ExtractError

VERSION = 1
"""Of the demo's content: another version's folder is not taken for this one's."""
MIN_CLIPS = 24
NUM_SPEAKERS = 12
SUFFIXES = (".wav", ".flac", ".mp3", ".mp4")
"""Formats in rotation, by clip number."""

_VALID_SPEAKERS = (2, 6, 10)
_NON_ZERO_SHARE = (0.447, 0.364, 0.325, 0.101, 0.382, 0.325)  # of the corpus the method was made for
_RATERS = 9  # intensities are fractions of so many
_FLAC_RATE = 44_100  # Hz
_MP4_RATE = 48_000  # Hz
_FRAME_RATE = 10  # pictures per second
_FRAME_SIZE = 64  # pixels


class DemoError(ExtractError, ValueError):
    """The demo cannot be made as asked for: too few clips, or a folder that holds something else."""


@dataclass(frozen=True)
class DemoCorpus:
    """Where the demo's files are, and how many."""

    media: Path
    train_csv: Path
    valid_csv: Path
    speakers_csv: Path
    encoder: Path
    num_clips: int
    num_train: int
    num_valid: int


@dataclass(frozen=True)
class _Clip:
    """One clip as planned."""

    clip_id: str
    file: str
    split: str
    speaker: int
    duration: float  # seconds
    intensities: NDArray[np.float64]  # (6,)
    seed: tuple[int, int]


def make_demo(
    out: Path, clips: int = 240, seed: int = 0, progress: Callable[[int, int], None] | None = None
) -> DemoCorpus:
    """Write the demo corpus and its encoder; running again continues, and does nothing once all is there.

    Args:
        out: folder, made if missing.
        clips: how many, at least 24.
        seed: the same seed gives the same files.
        progress: called with (clips written, clips) after every clip.

    Raises:
        DemoError: fewer than 24 clips, or `out` holds another demo or other files of these names.
    """
    if clips < MIN_CLIPS:
        raise DemoError(
            f"a demo of {clips} clips is too small: two clips for each of {NUM_SPEAKERS} speakers need "
            f"--clips {MIN_CLIPS} or more"
        )
    plan = _plan_clips(clips, seed)
    corpus = _corpus(out, plan)
    arguments = {"version": VERSION, "clips": clips, "seed": seed}
    if _finished(out, corpus, arguments):
        return corpus
    _write_text(out / "demo.json.partial", json.dumps(arguments) + "\n")
    _write_media(corpus.media, plan, seed, progress)
    _write_tables(corpus, plan)
    _write_encoder(corpus.encoder, seed)
    os.replace(out / "demo.json.partial", out / "demo.json")
    return corpus


def _corpus(out: Path, plan: list[_Clip]) -> DemoCorpus:
    num_valid = sum(clip.split == "valid" for clip in plan)
    return DemoCorpus(
        media=out / "media",
        train_csv=out / "train_split.csv",
        valid_csv=out / "valid_split.csv",
        speakers_csv=out / "speakers.csv",
        encoder=out / "encoder",
        num_clips=len(plan),
        num_train=len(plan) - num_valid,
        num_valid=num_valid,
    )


def _finished(out: Path, corpus: DemoCorpus, arguments: dict[str, int]) -> bool:
    """Tell a finished demo from one to begin or continue; files that are not this demo's are never overwritten."""
    for mark in (out / "demo.json", out / "demo.json.partial"):
        if mark.exists():
            found = json.loads(mark.read_text(encoding="utf-8"))
            if found != arguments:
                raise DemoError(
                    f"{out} holds another demo: found {found}, expected {arguments}; "
                    "choose another --out or remove that folder"
                )
            return mark.suffix == ".json"
    for path in (corpus.media, corpus.train_csv, corpus.valid_csv, corpus.speakers_csv, corpus.encoder):
        if path.exists():
            raise DemoError(f"{path} exists and is no demo; choose another --out")
    return False


# --- the plan: who says what, how long, with which intensities ---


def _plan_clips(clips: int, seed: int) -> list[_Clip]:
    rng = np.random.default_rng(seed)
    speakers = np.arange(clips) % NUM_SPEAKERS
    valid = np.isin(speakers, _VALID_SPEAKERS)
    intensities = np.empty((clips, len(EMOTIONS)))
    for rows in (np.flatnonzero(~valid), np.flatnonzero(valid)):
        intensities[rows] = _draw_intensities(len(rows), rng)
    durations = np.clip(rng.lognormal(np.log(5.6), 0.4, clips), 1.0, 14.0).round(2)
    return [
        _Clip(
            clip_id=f"{index:05d}",
            file=f"{index:05d}{suffix_of(index)}",
            split="valid" if valid[index] else "train",
            speaker=int(speakers[index]),
            duration=float(durations[index]),
            intensities=intensities[index],
            seed=(seed, index),
        )
        for index in range(clips)
    ]


def _draw_intensities(clips: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Zero-inflated fractions k/9: (clips, 6), no column constant, so that every correlation is defined."""
    intensities = np.zeros((clips, len(EMOTIONS)))
    for column, share in enumerate(_NON_ZERO_SHARE):
        chosen = rng.permutation(clips)[: max(2, round(share * clips))]
        intensities[chosen, column] = rng.integers(1, _RATERS + 1, len(chosen)) / _RATERS
    return intensities


def suffix_of(index: int) -> str:
    """Return a clip's container: every speaker, and so every split, has all of them."""
    return SUFFIXES[(index + index // NUM_SPEAKERS) % len(SUFFIXES)]


def _draw_speakers(seed: int) -> list[Speaker]:
    """Voices from low with a long vocal tract to high with a short one, each a little off that line."""
    rng = np.random.default_rng((seed, NUM_SPEAKERS))
    height = np.linspace(0, 1, NUM_SPEAKERS)
    return [
        Speaker(
            pitch=float(105 * 1.5**tall * rng.uniform(0.97, 1.03)),
            tract=float((0.92 + 0.16 * tall) * rng.uniform(0.98, 1.02)),
            tempo=float(rng.uniform(3.8, 4.6)),
            breath=float(rng.uniform(0.03, 0.1)),
        )
        for tall in height
    ]


# --- files, each written aside and renamed, so that what exists is whole ---


def _write_media(
    media: Path, plan: list[_Clip], seed: int, progress: Callable[[int, int], None] | None
) -> None:
    media.mkdir(parents=True, exist_ok=True)
    speakers = _draw_speakers(seed)
    for done, clip in enumerate(plan, start=1):
        path = media / clip.file
        if not path.exists():
            rng = np.random.default_rng(clip.seed)
            sound = synthesise(clip.intensities, speakers[clip.speaker], clip.duration, rng)
            partial = media / f".{clip.file}.partial"
            _write_sound(partial, path.suffix, sound)
            os.replace(partial, path)
        if progress is not None:
            progress(done, len(plan))


def _write_sound(path: Path, suffix: str, sound: NDArray[np.float32]) -> None:
    """Write (num_samples,) at 16 kHz in the format that the suffix names."""
    if suffix == ".mp4":
        _write_video(path, sound)
    elif suffix == ".flac":
        resampled = soxr.resample(sound, SAMPLING_RATE, _FLAC_RATE)
        soundfile.write(path, resampled, _FLAC_RATE, format="FLAC", subtype="PCM_16")
    elif suffix == ".mp3":
        soundfile.write(path, sound, SAMPLING_RATE, format="MP3", subtype="MPEG_LAYER_III")
    else:
        soundfile.write(path, sound, SAMPLING_RATE, format="WAV", subtype="PCM_16")


def _write_video(path: Path, sound: NDArray[np.float32]) -> None:
    """Write AAC stereo sound beside pictures that are as bright as the sound is loud."""
    stereo = np.repeat(soxr.resample(sound, SAMPLING_RATE, _MP4_RATE)[None], 2, axis=0)
    with av.open(str(path), "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        video = container.add_stream("mpeg4", rate=_FRAME_RATE)
        video.width = video.height = _FRAME_SIZE
        video.pix_fmt = "yuv420p"
        audio = container.add_stream("aac", rate=_MP4_RATE, layout="stereo", options={"aac_coder": "fast"})
        for picture in _pictures(sound):
            container.mux(video.encode(picture))
        container.mux(video.encode(None))
        samples = av.AudioFrame.from_ndarray(np.ascontiguousarray(stereo), format="fltp", layout="stereo")
        samples.sample_rate = _MP4_RATE
        samples.pts = 0
        samples.time_base = Fraction(1, _MP4_RATE)
        container.mux(audio.encode(samples))
        container.mux(audio.encode(None))


def _pictures(sound: NDArray[np.float32]) -> list[av.VideoFrame]:
    hop = SAMPLING_RATE // _FRAME_RATE
    pictures = []
    for index, begin in enumerate(range(0, len(sound), hop)):
        grey = np.uint8(255 * min(1.0, 2 * float(np.abs(sound[begin : begin + hop]).max())))
        picture = av.VideoFrame.from_ndarray(np.full((_FRAME_SIZE, _FRAME_SIZE), grey), format="gray")
        picture.pts = index
        picture.time_base = Fraction(1, _FRAME_RATE)
        pictures.append(picture)
    return pictures


def _write_tables(corpus: DemoCorpus, plan: list[_Clip]) -> None:
    header = ",".join(("Filename", *EMOTIONS))
    for split, path in (("train", corpus.train_csv), ("valid", corpus.valid_csv)):
        rows = [
            ",".join([clip.clip_id, *(f"{value:.6f}" for value in clip.intensities)])
            for clip in plan
            if clip.split == split
        ]
        _write_text(path, "\n".join([header, *rows]) + "\n")
    rows = [f"{clip.clip_id},speaker{clip.speaker + 1:02d}" for clip in plan]
    _write_text(corpus.speakers_csv, "\n".join(["clip_id,speaker", *rows]) + "\n")


def _write_encoder(folder: Path, seed: int) -> None:
    if folder.exists():
        return
    from extract.demo.tiny_encoder import save_tiny_encoder

    partial = folder.with_name(".encoder.partial")
    shutil.rmtree(partial, ignore_errors=True)
    save_tiny_encoder(partial, seed)
    os.replace(partial, folder)


def _write_text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text, encoding="utf-8", newline="\n")
    os.replace(partial, path)
