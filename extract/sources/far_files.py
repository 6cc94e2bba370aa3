"""Files behind URLs: which there are below a folder, and their sizes and times."""

from __future__ import annotations

from cache.common.storage.protocol import Entry
from cache.common.storage.url_path import UrlPath

_stats: dict[
    str, tuple[int, int]
] = {}  # of what was listed or asked for: a request each would take as long as all


def far_files(folder: UrlPath) -> list[UrlPath]:
    """Return the files below a folder, in the order of their names.

    Raises:
        RemoteError: the store does not answer, or refuses.
    """
    found = sorted(folder.storage.list(""))
    _stats.update({str(folder / entry.name): (entry.size, entry.modified_ns) for entry in found})
    return [folder / entry.name for entry in found if not entry.name.endswith("/")]


def far_stat(path: UrlPath) -> tuple[int, int] | None:
    """Return size [bytes] and modification time [ns] of a file, or None where there is none."""
    if str(path) not in _stats:
        try:
            far_entry(path)
        except FileNotFoundError:
            return None
    return _stats[str(path)]


def far_entry(path: UrlPath) -> Entry:
    """Return what the store says of a file now; raises FileNotFoundError, RemoteError."""
    entry = path.parent.storage.size(path.name)
    _stats[str(path)] = entry.size, entry.modified_ns
    return entry
