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
from extract.transcripts.forms import subtitles, whisper_json
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
}


@dataclass(frozen=True)
class Transcripts:
    """The transcripts of a source.

    Attributes:
        all: one a clip.
        failures: files whose names cannot be ids, or that are no transcripts.
        recipe: how they were made, where that is known.
    """

    all: tuple[Transcript, ...]
    failures: tuple[Failure, ...]
    recipe: Any


def find_transcripts(sources: Sequence[Path], words: Path | None = None) -> Transcripts:
    """Find the transcripts of several sources.

    Args:
        sources: tables, folders or single files.
        words: table of words to take in the place of the one beside each table.

    Raises:
        SourceError: a source cannot be used, one clip has two transcripts, or sources were made in two ways.
        TableError: a table cannot be understood.
    """
    failures: list[Failure] = []
    places: dict[str, tuple[Transcript, Path]] = {}
    recipes: dict[Path, Any] = {}
    for source in sources:
        found = _in_folder(source, failures) if source.is_dir() else _in_file(source, words)
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
    )


def _in_file(path: Path, words: Path | None) -> list[Transcript]:
    if not path.exists():
        raise SourceError(
            f"{path}: no such file or folder; expected a table of transcripts or a folder of them"
        )
    suffix = path.suffix.lower()
    if suffix in TABLES:
        return read_transcripts(path, words)
    if suffix not in READERS:
        raise SourceError(f"{path}: expected {', '.join(sorted(TABLES | READERS.keys()))}, or a folder")
    return [_transcript(path, path.parent)]


def _in_folder(folder: Path, failures: list[Failure]) -> list[Transcript]:
    """Read every transcript below a folder; ids are paths without suffix, as those of sound."""
    files = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in READERS and path.is_file() and not _is_hidden(path.relative_to(folder))
    )
    if not files:
        raise SourceError(f"{folder}: no transcripts in it; expected files {', '.join(READERS)}")
    found = []
    for path in files:
        if path.name.endswith((RECIPE, WORDS)):
            continue
        try:
            found.append(_transcript(path, folder))
        except TableError:
            failures.append(bad_name(path, folder))
        except SourceError as error:
            shown = shown_path(path, folder)
            failures.append(Failure(_id(path, folder), shown, "source", "unreadable", str(error)))
    return found


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _id(path: Path, folder: Path) -> str:
    return clip_id_of_file(str(path.relative_to(folder))[: -len(path.suffix)])


def _transcript(path: Path, folder: Path) -> Transcript:
    clip_id = _id(path, folder)
    said = READERS[path.suffix.lower()](path)
    return Transcript(clip_id, said.text, said.words, None, said.language, path, shown_path(path, folder))
