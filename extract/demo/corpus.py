"""The demo: clips, split tables and an encoder, as real files.

The six intensities of a demo clip steer a synthetic voice (`extract.demo.voice`), and a tiny encoder with random
weights listens to it. So every line of the real path runs without a download or a GPU, and a head that works can
find the intensities again. Scores on the demo show the plumbing, not the science: they say that media, cache and
training fit together, and nothing about emotion in human voices.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cache.common.durable import local_only
from cache.common.foreign_json import read_json_file
from cache.common.progress import OnProgress
from extract.demo.clip_plan import NUM_SPEAKERS, DemoClip, draw_speakers, plan_clips
from extract.demo.media import write_sound
from extract.demo.voice import EMOTIONS, synthesise
from extract.errors import ExtractError

VERSION = 1
"""Of the demo's content: another version's folder is not taken for this one's."""
MIN_CLIPS = 24


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


def make_demo(
    out: Path, clips: int = 240, seed: int = 0, on_progress: OnProgress | None = None
) -> DemoCorpus:
    """Write the demo corpus and its encoder; running again continues, and does nothing once all is there.

    Args:
        out: folder, made if missing.
        clips: how many, at least 24.
        seed: the same seed gives the same files.
        on_progress: called with (clips written, clips) after every clip.

    Raises:
        DemoError: fewer than 24 clips, or `out` holds another demo or other files of these names.
    """
    if clips < MIN_CLIPS:
        raise DemoError(
            f"a demo of {clips} clips is too small: two clips for each of {NUM_SPEAKERS} speakers need "
            f"--clips {MIN_CLIPS} or more"
        )
    plan = plan_clips(clips, seed)
    corpus = _corpus(out, plan)
    arguments = {"version": VERSION, "clips": clips, "seed": seed}
    if _finished(out, corpus, arguments):
        return corpus
    _write_text(out / "demo.json.partial", json.dumps(arguments) + "\n")
    _write_media(corpus.media, plan, seed, on_progress)
    _write_tables(corpus, plan)
    _write_encoder(corpus.encoder, seed)
    os.replace(out / "demo.json.partial", out / "demo.json")
    return corpus


def _corpus(out: Path, plan: list[DemoClip]) -> DemoCorpus:
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
            made_with = _made_with(mark)
            if made_with != arguments:
                raise DemoError(
                    f"{out} holds another demo: found {made_with}, expected {arguments}; "
                    "choose another --out or remove that folder"
                )
            return mark.suffix == ".json"
    for path in (corpus.media, corpus.train_csv, corpus.valid_csv, corpus.speakers_csv, corpus.encoder):
        if path.exists():
            raise DemoError(f"{path} exists and is no demo; choose another --out")
    return False


def _made_with(mark: Path) -> object:
    try:
        return read_json_file(mark, limit=1 << 16)
    except (OSError, ValueError) as error:
        raise DemoError(f"{mark}: {error}; choose another --out or remove that folder") from None


def _write_media(media: Path, plan: list[DemoClip], seed: int, on_progress: OnProgress | None) -> None:
    local_only(media).mkdir(parents=True, exist_ok=True)
    speakers = draw_speakers(seed)
    for done, clip in enumerate(plan, start=1):
        path = media / clip.file
        if not path.exists():
            rng = np.random.default_rng(clip.seed)
            sound = synthesise(clip.intensities, speakers[clip.speaker], clip.duration, rng)
            partial = media / f".{clip.file}.partial"
            write_sound(partial, path.suffix, sound)
            os.replace(partial, path)
        if on_progress is not None:
            on_progress(done, len(plan))


def _write_tables(corpus: DemoCorpus, plan: list[DemoClip]) -> None:
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
