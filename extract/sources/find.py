"""Finds the clips of a source: a folder, a manifest, or a table of ids with media folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cache.common.storage.url_path import UrlPath
from cache.common.tables import read_table
from extract.errors import SourceError
from extract.sources.annotations.read import annotation_table
from extract.sources.clips import Source
from extract.sources.folders import from_folder
from extract.sources.manifests import from_table
from extract.sources.media_kinds import is_media
from extract.sources.no_media import NoMedia


def find_all(sources: Sequence[Path], media: Sequence[Path] = ()) -> Source:
    """Find the clips of several sources, such as ``train_split.csv`` and ``valid_split.csv``.

    Raises:
        SourceError: one of them cannot be used, or two of them name one clip.
    """
    parts = [find_clips(source, media) for source in sources]
    places: dict[str, Path] = {}
    for path, source in zip(sources, parts, strict=True):
        for clip_id in source.splits:
            if clip_id in places:
                raise SourceError(f"clip id {clip_id} stands in {places[clip_id]} and in {path}; keep one")
            places[clip_id] = path
    return Source(
        tuple(clip for source in parts for clip in source.clips),
        tuple(failure for source in parts for failure in source.failures),
        NoMedia.joined(source.no_media for source in parts),
        {clip_id: split for source in parts for clip_id, split in source.splits.items()},
        {path: columns for source in parts for path, columns in source.unused.items()},
    )


def find_clips(source: Path, media: Sequence[Path] = ()) -> Source:
    """Find the clips of a folder, a manifest, a table of ids with ``media`` folders, or a file of annotations.

    Without ``media`` folders the recordings of annotations lie beside them.

    Raises:
        SourceError: no such folder or table, nothing in it, or two files for one id.
        TableError: the table cannot be understood.
    """
    if source.is_dir():
        return from_folder(source)
    if isinstance(source, UrlPath):
        raise SourceError(
            f"{source}: nothing lies below it; expected a folder of clips (tables are read from this machine)"
        )
    if not source.exists():
        raise SourceError(
            f"{source}: no such file or folder; expected a folder of clips or a CSV/JSONL table of them"
        )
    if is_media(source):
        raise SourceError(f"{source} is a single clip; pass its folder, or a CSV with columns clip_id,path")
    segments = annotation_table(source)
    if segments:
        return from_table(segments, media or [source.parent])
    return from_table(read_table(source), media)
