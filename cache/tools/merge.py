"""``emi-cache merge`` and ``convert``: caches joined, or written again in another back end; values stay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cache.commit import partition
from cache.common import gate
from cache.common.errors import CacheError, RecipeMismatchError
from cache.common.progress import OnProgress, silent
from cache.common.storage.url_path import place
from cache.compaction import projection
from cache.copy_shard import content_of, copy_ledgers, counting_rows, has_shard, open_like, read_shard
from cache.format import catalog
from cache.format.recipe import as_block
from cache.format.schema import CRC
from cache.reader import CacheReader
from cache.writer import CacheWriter

Place = tuple[int, int, int]  # source, shard, row


@dataclass(frozen=True)
class Merged:
    """What ``merge`` did.

    Attributes:
        path: of the joined cache.
        clips: in it now.
        added: by this merge.
        settled: clips that stood in several places with different values; the latest was kept.
    """

    path: Path
    clips: int
    added: int
    settled: tuple[str, ...]


def convert(source: Path | str, target: Path | str, store: str, on_progress: OnProgress = silent) -> int:
    """Write a cache again in another back end: the same shards with bit-identical fields.

    Returns:
        Clips of the new cache.

    Raises:
        CacheError: the target holds a cache in another back end, or of another recipe.
    """
    source, target = place(source), place(target)
    with CacheReader(source) as reader:
        writer = open_like(target, replace(reader.description, store=store), _besides(source))
        if writer.description.store != store:
            raise CacheError(f"{target} is a cache in {writer.description.store}; choose another folder")
        for done, record in enumerate(reader.records):
            if not has_shard(target, record.name):
                writer.commit_arrays(read_shard(reader, done), record.content, record.name)
            on_progress(done + 1, len(reader.records))
        copy_ledgers(source, target)
        return len(reader)


def merge(sources: Sequence[Path | str], target: Path | str, on_progress: OnProgress = silent) -> Merged:
    """Join caches of one recipe, from separate disks or with clips that stand in two shards.

    Of several values of one clip the latest generation is kept, then that of the latest source file.

    Raises:
        RecipeMismatchError: the recipes differ; says how.
    """
    target = place(target)
    paths = [place(path) for path in sources]
    if target.resolve() in {path.resolve() for path in paths}:
        raise CacheError(f"{target} is one of the caches to join; choose a new folder")
    _require_one_recipe(paths)
    writer = open_like(target, catalog.read_description(paths[0]), _besides(paths[0]))
    before = catalog.effective(catalog.read_records(target))
    readers = [CacheReader(path, settle=True) for path in paths]
    places, settled = _places(readers)
    total, done = sum(len(reader.records) for reader in readers), 0
    for number, reader in enumerate(readers):
        for shard in range(len(reader.records)):
            rows = [
                row
                for row in counting_rows(reader, shard)
                if places[reader.records[shard].clip_ids[row]] == (number, shard, row)
            ]
            _take_over(reader, shard, rows, writer)
            done += 1
            on_progress(done, total)
        reader.close()
        copy_ledgers(reader.path, target)
    clips = catalog.effective(catalog.read_records(target))
    return Merged(target, len(clips), len(clips.keys() - before.keys()), tuple(sorted(settled)))


def _require_one_recipe(paths: Sequence[Path]) -> None:
    first = catalog.read_description(paths[0])
    for path in paths[1:]:
        other = catalog.read_description(path)
        lines = first.recipe.differences(other.recipe)
        if lines or first.fields != other.fields:
            raise RecipeMismatchError(
                f"{paths[0]} and {path} were made with different recipes (first -> second):"
                f"{as_block(lines or ['the frame fields differ'])}Only caches of one recipe can be joined"
            )


def _places(readers: Sequence[CacheReader]) -> tuple[dict[str, Place], set[str]]:
    """Return clip id → the place that counts, and the ids whose values differed between places."""
    places: dict[str, Place] = {}
    settled: set[str] = set()
    for number, reader in enumerate(readers):
        for clip_id in reader.clip_ids:
            here = (number, *reader.place(clip_id))
            if clip_id in places:
                there = places[clip_id]
                if _checksums(readers[there[0]], clip_id) != _checksums(reader, clip_id):
                    settled.add(clip_id)
                if _priority(readers, there, clip_id) >= _priority(readers, here, clip_id):
                    continue
            places[clip_id] = here
        settled |= _settled_within(reader)
    return places, settled


def _settled_within(reader: CacheReader) -> set[str]:
    """Return clips that stand twice in one cache without a word about which counts."""
    replaced = catalog.superseded(reader.records)
    return {
        clip_id
        for shard, record in enumerate(reader.records)
        for row, clip_id in enumerate(record.clip_ids)
        if (record.name, clip_id) not in replaced and reader.place(clip_id) != (shard, row)
    }


def _priority(readers: Sequence[CacheReader], place: Place, clip_id: str) -> tuple[int, int, str]:
    return readers[place[0]].records[place[1]].priority(clip_id)


def _checksums(reader: CacheReader, clip_id: str) -> list[int]:
    return [int(reader.clip_table(CRC + name, [clip_id])[0]) for name in reader.frame_fields]


def _take_over(reader: CacheReader, shard: int, rows: list[int], writer: CacheWriter) -> None:
    """Commit the rows of a shard that count and that the target has not; a whole shard keeps its name."""
    record = reader.records[shard]
    generations = writer.generations([record.clip_ids[row] for row in rows])
    rows = [r for r in rows if generations.get(record.clip_ids[r], -1) < record.content.generation]
    if not rows:
        return
    whole = len(rows) == len(record.clip_ids) and not has_shard(writer.path, record.name)
    ids = [record.clip_ids[row] for row in rows]
    name = record.name if whole else partition.shard_name(ids, record.content.generation)
    content = content_of(record, rows, recipe_id=writer.description.recipe.recipe_id)
    writer.commit_arrays(read_shard(reader, shard, rows), content, name)


def _besides(source: Path) -> dict[str, bytes]:
    """Return what a compact cache has besides, which comes along."""
    there = [source / name for name in gate.names(source, "") if name in catalog.COMPACT]
    return {path.name: gate.read(source, path, projection.MAX_FILE_BYTES) for path in there}
