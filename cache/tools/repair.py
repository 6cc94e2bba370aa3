"""``emi-cache verify --repair``: damaged shards set aside, so that exactly their clips are made again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cache.common import gate
from cache.common.errors import CacheError
from cache.common.words import counted
from cache.format import catalog
from cache.format.record import CommitRecord
from cache.shards.registry import suffixes
from cache.tools.verify import VerifyReport


@dataclass(frozen=True)
class Repaired:
    """What ``repair`` did.

    Attributes:
        aside: folder that the damaged files are in now; None when nothing had to be moved.
        shards: names of the shards set aside.
        clips: of these shards, as far as their records could be read.
        unreadable: shards whose record could not be read: their clips are those the cache lacks now.
        outdated: clips whose older values count until they are extracted again.
        orphans: shards without a record, which never were part of the cache.
    """

    aside: Path | None
    shards: tuple[str, ...]
    clips: tuple[str, ...]
    unreadable: tuple[str, ...]
    outdated: tuple[str, ...]
    orphans: tuple[str, ...] = ()


def repair(path: Path | str, report: VerifyReport) -> Repaired:
    """Move every damaged shard, record first, out of the cache.

    Nothing is deleted, and no sound shard is touched. Clips that stand in two shards are not settled here:
    ``merge`` does that.

    Raises:
        StorageError: the folder cannot be written.
    """
    path = Path(path)
    shards = path / catalog.SHARDS
    damaged = {finding.shard for finding in report.findings if finding.repair and not finding.orphan}
    orphans = [finding.shard for finding in report.findings if finding.repair and finding.orphan]
    orphans = [file for file in orphans if not (shards / f"{_shard_name(file)}.json").exists()]
    names = sorted({_shard_name(file) for file in damaged if _is_shard(file)})
    there = gate.names(path, catalog.SHARDS)
    clips: set[str] = set()
    unreadable = []
    moved: list[Path] = []
    for name in names:
        record = shards / f"{name}.json"
        try:
            clips.update(catalog.read_record(record).clip_ids)
        except CacheError:
            unreadable.append(name)
        own = (shards / file for file in there if _shard_name(file) == name)
        moved += [record, *(item for item in own if item.suffix in suffixes())]
    moved += [shards / file for file in sorted(damaged) if not _is_shard(file)]
    moved += [shards / file for file in orphans]
    moved = [item for item in dict.fromkeys(moved) if item.exists() or item.is_symlink()]
    aside = catalog.set_aside(path, *moved) if moved else None
    left = catalog.effective(_readable_records(path))
    outdated = tuple(sorted(clips & left.keys()))
    return Repaired(aside, tuple(names), tuple(sorted(clips)), tuple(unreadable), outdated, tuple(orphans))


def _shard_name(file: str) -> str:
    return file.rsplit(".", 1)[0]


def _is_shard(file: str) -> bool:
    return file.endswith((*suffixes(), ".json"))


def _readable_records(path: Path) -> list[CommitRecord]:
    records = []
    for record in catalog.record_paths(path):
        try:
            records.append(catalog.read_record(record))
        except CacheError:
            continue
    return records


def as_text(path: Path | str, done: Repaired) -> str:
    """Return what was done as lines for a terminal."""
    if done.aside is None:
        return f"{path}: nothing to set aside"
    lines = [f"{path}: {counted(len(done.shards), 'shard')} set aside in {done.aside}"]
    if catalog.read_description(Path(path)).recipe.is_compact:
        remake = f"emi-cache compact SRC {path}, with the options of before,"
    else:
        remake = "the next emi-extract run on this cache"
    if done.shards:
        lines.append(f"  {remake} makes {counted(len(done.clips), 'clip')} again")
    if done.orphans:
        lines.append(
            f"  and {counted(len(done.orphans), 'shard')} that no record names: no clip of the cache stood there"
        )
    if done.unreadable:
        lines.append(
            f"  {len(done.unreadable)} of them had no readable record: what the cache lacks is made again"
        )
    if done.outdated:
        lines.append(f"  until then, older values count for {counted(len(done.outdated), 'clip')}")
    return "\n".join(lines)
