"""``emi-cache verify --repair``: damaged shards set aside, their intact clips kept, the others to be made again."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cache.commit.leftovers import tidy
from cache.commit.orphan import rebuilt_record
from cache.commit.partition import is_own_name
from cache.common import durable, gate
from cache.common.errors import CacheError, DamagedCacheError
from cache.common.storage.url_path import place
from cache.common.words import counted
from cache.format import catalog, own_checksum
from cache.format.aside import move_aside, new_aside
from cache.format.record import CommitRecord
from cache.shards.registry import store_of, suffixes
from cache.tools.finding import Finding
from cache.tools.salvage import salvage
from cache.tools.verify import VerifyReport, check_shard
from cache.writer import CacheWriter

MAX_NAMED = 20  # lost clips in the text for a terminal


@dataclass(frozen=True)
class Repaired:
    """What ``repair`` did.

    Attributes:
        aside: folder that the damaged files are in now; None when nothing had to be moved.
        shards: names of the shards set aside.
        clips: of these shards that are lost, as far as their records could be read.
        unreadable: shards whose record could not be read: their clips are those the cache lacks now.
        outdated: lost clips whose older values count until they are extracted again.
        orphans: shards without a record that were set aside: they never were part of the cache.
        salvaged: intact clips of the shards set aside, which count in a new shard now.
        restored: shards whose record was damaged, and was made again from the shard.
        recorded: intact shards that no record named, and that count now.
    """

    aside: Path | None
    shards: tuple[str, ...]
    clips: tuple[str, ...]
    unreadable: tuple[str, ...]
    outdated: tuple[str, ...]
    orphans: tuple[str, ...] = ()
    salvaged: tuple[str, ...] = ()
    restored: tuple[str, ...] = ()
    recorded: tuple[str, ...] = ()


def repair(path: Path | str, report: VerifyReport) -> Repaired:
    """Keep every intact clip of the damaged shards, and move these shards, record first, out of the cache.

    Nothing is deleted, and no sound shard is touched. What is intact is committed again before anything is moved,
    so a kill at any instant loses nothing, and running again goes on. Clips that stand in two shards are not
    settled here: ``merge`` does that.

    Raises:
        StorageError: the folder cannot be written.
    """
    path = place(path)
    tidy(path)
    damaged = {finding.shard for finding in report.findings if finding.repair and not finding.orphan}
    names = {_shard_name(file) for file in damaged if _is_shard(file)}
    foreign = sorted(file for file in damaged if not _is_shard(file))
    restored, unreadable, aside = _restore(path, names, None)
    names -= restored
    aside = _set_aside(path, [item for name in sorted(unreadable) for item in _files(path, name)], aside)
    records = [catalog.read_record(_record_path(path, name)) for name in sorted(names - unreadable)]
    salvaged = {clip_id for record in records for clip_id in salvage(path, record)}
    lost = _lost(path, records)
    recorded, orphans = _orphans(path, report.findings)
    moved = [item for record in records for item in _files(path, record.name)]
    moved += [path / catalog.SHARDS / file for file in (*foreign, *orphans)]
    aside = _set_aside(path, moved, aside)
    left = catalog.effective(catalog.read_records(path))
    return Repaired(
        aside=aside,
        shards=tuple(sorted(names)),
        clips=tuple(sorted(lost)),
        unreadable=tuple(sorted(unreadable)),
        outdated=tuple(sorted(lost & left.keys())),
        orphans=tuple(orphans),
        salvaged=tuple(sorted(salvaged)),
        restored=tuple(sorted(restored)),
        recorded=tuple(recorded),
    )


def mend_description(path: Path | str) -> bool:
    """Put ``cache.json`` right where a single flipped bit has damaged it; say whether that was done.

    The damaged file is kept beside the shards that were set aside.

    Raises:
        StorageError: the folder cannot be written.
    """
    path = place(path)
    file = path / catalog.DESCRIPTION
    try:
        catalog.read_description(path)
    except DamagedCacheError:
        data = durable.read_regular(file)
        mended = own_checksum.mended(data)
        if mended is None:
            return False
        catalog.parse_description(file, mended)
        durable.write_once(new_aside(path) / file.name, data)
        durable.replace_file(file, mended)
        return True
    return False


def _restore(
    path: Path, names: Collection[str], aside: Path | None
) -> tuple[set[str], set[str], Path | None]:
    """Make damaged records again from what their shards say about themselves.

    Returns:
        Names of the shards that are sound with that, names of those whose record stays unreadable, and the folder
        that the damaged records are in now. A shard of which neither is said has a readable record now.
    """
    description = catalog.read_description(path)
    sound, unreadable = set(), set()
    for name in sorted(names):
        target = _record_path(path, name)
        if _is_readable(target):
            continue
        record = _rebuilt(path, name, description)
        if record is None:
            unreadable.add(name)
            continue
        aside = aside or new_aside(path)
        durable.write_once(aside / target.name, durable.read_regular(target))
        durable.replace_file(target, record.to_bytes())
        if not any(check_shard(path, record, description)):
            sound.add(name)
    return sound, unreadable, aside


def _is_readable(record: Path) -> bool:
    try:
        catalog.read_record(record)
    except CacheError:
        return False
    return True


def _rebuilt(path: Path, name: str, description: catalog.Description) -> CommitRecord | None:
    """Return the record that a shard's own account of itself makes; None if there was none, or it does not fit."""
    target, *files = _files(path, name)
    store = store_of(files[0].name) if len(files) == 1 else None
    if store is None or target.is_symlink() or not target.is_file():
        return None
    try:
        record = rebuilt_record(store, files[0])
    except (CacheError, OSError):
        return None
    is_ours = record.content.recipe_id == description.recipe.recipe_id and is_own_name(record)
    return record if is_ours else None


def _lost(path: Path, damaged: Sequence[CommitRecord]) -> set[str]:
    """Return the clips of damaged shards that no other shard has in a later generation."""
    places, names = catalog.effective(catalog.read_records(path)), {record.name for record in damaged}

    def is_elsewhere(record: CommitRecord, clip_id: str) -> bool:
        other = places.get(clip_id, record)
        return other.name not in names and other.content.generation > record.content.generation

    return {clip_id for record in damaged for clip_id in record.clip_ids if not is_elsewhere(record, clip_id)}


def _orphans(path: Path, findings: Iterable[Finding]) -> tuple[list[str], list[str]]:
    """Record the intact shards that no record names; return them, and the others."""
    files = [finding.shard for finding in findings if finding.repair and finding.orphan]
    files = [file for file in files if not _record_path(path, _shard_name(file)).exists()]
    writer = CacheWriter(path, catalog.read_description(path)) if files else None
    recorded = [file for file in files if writer and writer.record_orphan(file)]
    return recorded, [file for file in files if file not in recorded]


def _record_path(path: Path, name: str) -> Path:
    return path / catalog.SHARDS / f"{name}.json"


def _files(path: Path, name: str) -> list[Path]:
    """Return a shard's record, and its file in whichever back end."""
    found = (file for file in gate.names(path, catalog.SHARDS) if _shard_name(file) == name)
    paths = [path / catalog.SHARDS / file for file in found]
    return [_record_path(path, name), *(item for item in paths if item.suffix in suffixes())]


def _set_aside(path: Path, moved: Iterable[Path], aside: Path | None) -> Path | None:
    there = [item for item in dict.fromkeys(moved) if item.exists() or item.is_symlink() or item.is_dir()]
    if not there:
        return aside
    aside = aside or new_aside(path)
    move_aside(aside, *there)
    return aside


def _shard_name(file: str) -> str:
    return file.rsplit(".", 1)[0]


def _is_shard(file: str) -> bool:
    return file.endswith((*suffixes(), ".json"))


def as_text(path: Path | str, done: Repaired) -> str:
    """Return what was done as lines for a terminal."""
    lines = []
    if done.restored:
        lines.append(
            f"{path}: {counted(len(done.restored), 'commit record')} made again from the shard: no clip lost"
        )
    if done.recorded:
        lines.append(f"{path}: {counted(len(done.recorded), 'intact shard')} without a record recorded")
    if done.aside is None or not (done.shards or done.orphans or done.unreadable):
        where = f"{path}: what was damaged is in {done.aside}" if done.aside else ""
        return "\n".join([*lines, *filter(None, [where])]) or f"{path}: nothing to set aside"
    lines.append(f"{path}: {counted(len(done.shards), 'shard')} set aside in {done.aside}")
    if done.salvaged:
        lines.append(f"  {counted(len(done.salvaged), 'intact clip')} of them kept, in a new shard")
    recipe = catalog.read_description(place(path)).recipe
    if recipe.is_compact:
        remake = f"emi-cache compact SRC {path}, with the options of before,"
    elif recipe.is_imported:
        remake = f"emi-cache import SOURCE --out {path}, with the options of before,"
    else:
        remake = "the next emi-extract run on this cache"
    if done.clips:
        named = ", ".join(done.clips[:MAX_NAMED])
        more = f" and {len(done.clips) - MAX_NAMED} more" if len(done.clips) > MAX_NAMED else ""
        lines.append(f"  {remake} makes {counted(len(done.clips), 'clip')} again: {named}{more}")
    elif done.shards and not done.unreadable:
        lines.append("  no clip is lost")
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
