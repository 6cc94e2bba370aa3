"""Finds the transcripts of a source: a table, a folder of files with one clip each, or a single such file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cache.commit.failures import Failure
from cache.common.errors import TableError
from cache.common.ids import clip_id_of_file
from cache.format.recipe import canonical_json
from extract.errors import SourceError
from extract.sources.file_names import bad_name, shown_path
from extract.transcripts.forms import subtitles, whisper_json, whisper_tsv
from extract.transcripts.forms.side_by_side import ORDER, Passed, choose, require_one_of_a_form
from extract.transcripts.forms.whisper_json import Read
from extract.transcripts.table import RECIPE, UNKNOWN, WORDS, read_recipe, read_transcripts
from extract.transcripts.transcript import Transcript

TABLES = {".csv", ".tsv", ".jsonl", ".ndjson"}


def _plain_text(path: Path) -> Read:
    return Read(" ".join(subtitles.read_text(path).split()), ())


READERS: dict[str, Callable[[Path], Read]] = {
    ".txt": _plain_text,
    ".json": whisper_json.read,
    ".srt": subtitles.read,
    ".vtt": subtitles.read,
    whisper_tsv.SUFFIX: whisper_tsv.read,
}


@dataclass(frozen=True)
class Transcripts:
    """The transcripts of a source.

    Attributes:
        all: one a clip.
        failures: files whose names cannot be ids, or that are no transcripts.
        recipe: how they were made, where that is known.
        notes: what was passed over, a line each.
    """

    all: tuple[Transcript, ...]
    failures: tuple[Failure, ...]
    recipe: Any
    notes: tuple[str, ...] = ()


def find_transcripts(sources: Sequence[Path], words: Path | None = None) -> Transcripts:
    """Find the transcripts of several sources.

    Args:
        sources: tables, folders or single files.
        words: table of words to take in the place of the one beside each table.

    Raises:
        SourceError: a source cannot be used, one clip has two transcripts in two sources or of one form, or sources
            were made in two ways.
        TableError: a table cannot be understood.
    """
    failures: list[Failure] = []
    places: dict[str, tuple[Transcript, Path]] = {}
    recipes: dict[Path, Any] = {}
    passed = Passed()
    for source in sources:
        found = _in_folder(source, failures, passed) if source.is_dir() else _in_file(source, words)
        recipes[source] = (None if source.is_dir() else read_recipe(source)) or UNKNOWN
        for transcript in found:
            if transcript.clip_id in places:
                raise SourceError(
                    f"clip {transcript.clip_id} has two transcripts, in {places[transcript.clip_id][1]} and "
                    f"{transcript.path}; keep one"
                )
            places[transcript.clip_id] = transcript, transcript.path
    if len({canonical_json(recipe) for recipe in recipes.values()}) > 1:
        one, other = list(recipes)[:2]
        raise SourceError(f"{one} and {other} were transcribed in two ways; make a cache of each")
    return Transcripts(
        tuple(transcript for transcript, _ in places.values()),
        tuple(failures),
        next(iter(recipes.values()), UNKNOWN),
        passed.lines(),
    )


def _in_file(path: Path, words: Path | None) -> list[Transcript]:
    if not path.exists():
        raise SourceError(
            f"{path}: no such file or folder; expected a table of transcripts or a folder of them"
        )
    suffix = path.suffix.lower()
    if suffix in TABLES and not (suffix == whisper_tsv.SUFFIX and whisper_tsv.is_whisper_tsv(path)):
        return read_transcripts(path, words)
    if suffix not in READERS:
        raise SourceError(f"{path}: expected {', '.join(sorted(TABLES | READERS.keys()))}, or a folder")
    return [_transcript(path, path.parent)]


def _in_folder(folder: Path, failures: list[Failure], passed: Passed) -> list[Transcript]:
    """Read the transcripts below a folder, one of each clip; ids are paths without suffix, as those of sound."""
    files = sorted(path for path in folder.rglob("*") if _is_transcript(path, folder))
    if not files:
        raise SourceError(f"{folder}: no transcripts in it; expected files {', '.join(READERS)}")
    of_clips: dict[str, list[Path]] = {}
    for path in files:
        try:
            of_clips.setdefault(_id(path, folder), []).append(path)
        except TableError:
            failures.append(bad_name(path, folder))
    found = []
    for clip_id, paths in of_clips.items():
        require_one_of_a_form(clip_id, paths)
        read, broken = [], []
        for path in sorted(paths, key=lambda path: ORDER.index(path.suffix.lower())):
            try:
                read.append(_transcript(path, folder))
            except SourceError as error:
                broken.append(Failure(clip_id, shown_path(path, folder), "source", "unreadable", str(error)))
        if read:
            found.append(choose(read, passed))
            passed.broken += [failure.path for failure in broken]
        else:
            failures.append(broken[0])
    return found


def _is_transcript(path: Path, folder: Path) -> bool:
    """Say whether a file is to be read: not what is hidden, lies beside a table of ours, or is a table itself."""
    suffix = path.suffix.lower()
    return (
        suffix in READERS
        and path.is_file()
        and not _is_hidden(path.relative_to(folder))
        and not path.name.endswith((RECIPE, WORDS))
        and (suffix != whisper_tsv.SUFFIX or whisper_tsv.is_whisper_tsv(path))
    )


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _id(path: Path, folder: Path) -> str:
    return clip_id_of_file(str(path.relative_to(folder))[: -len(path.suffix)])


def _transcript(path: Path, folder: Path) -> Transcript:
    clip_id = _id(path, folder)
    said = READERS[path.suffix.lower()](path)
    return Transcript(clip_id, said.text, said.words, None, said.language, path, shown_path(path, folder))
