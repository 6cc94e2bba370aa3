"""A shard behind a URL: laid out in a temporary folder, and sent there under names that are free."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from cache.commit.orphan import Published, read_orphan, tags
from cache.commit.processes import temporary_prefix
from cache.common.errors import DamagedCacheError
from cache.common.storage.url_path import UrlPath, in_threads
from cache.format.record import ShardContent
from cache.shards import remote_files
from cache.shards.arrays import ShardArrays
from cache.shards.store import ShardStore


def publish_by_url(
    store: ShardStore, final: UrlPath, shard: ShardArrays, content: ShardContent
) -> Published | None:
    """Send a shard to its place; when something is there, take that, if it is sound, as the shard.

    A name that is taken is only overwritten by the tag of what was found damaged or unfinished there, and only
    while no record names it. None when another writer was at the same meanwhile.
    """
    with TemporaryDirectory(prefix=temporary_prefix("emi-shard")) as folder:
        tmp = Path(folder) / "shards" / final.name
        tmp.parent.mkdir()
        stored = store.stage(tmp, shard, content.to_bytes(shard.datasets))
        there = tags(final)
        if there:
            try:
                return read_orphan(store, final, content)
            except (DamagedCacheError, FileNotFoundError):
                if final.with_suffix(".json").exists():
                    return None
        files = _files(tmp, final)
        done = in_threads(lambda name: _send(final, name, files[name], there.get(name)), list(files))
    remote_files.forget()
    if None in done:
        return None
    return Published(stored, content, tuple(sorted(zip(files, done, strict=True))))


def _files(tmp: Path, final: UrlPath) -> dict[str, Path]:
    """Return the names below ``shards/`` that the staged files are to have."""
    if tmp.is_file():
        return {final.name: tmp}
    inside = (path for path in tmp.rglob("*") if path.is_file())
    return {f"{final.name}/{path.relative_to(tmp).as_posix()}": path for path in inside}


def _send(final: UrlPath, name: str, file: Path, seen: str | None) -> str | None:
    """Store one file, in the place of what was seen there; return its tag."""
    storage, data = final.parent.storage, file.read_bytes()
    if seen is None:
        return storage.put_if_absent(name, data)
    return storage.replace_if_match(name, seen, data)
