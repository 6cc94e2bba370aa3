"""Which storage a path leads to: a folder, or objects behind a URL."""

from __future__ import annotations

from pathlib import Path

from cache.common.storage.local import LocalStorage
from cache.common.storage.protocol import Storage
from cache.common.storage.url_path import UrlPath


def storage_of(root: Path) -> Storage:
    """Return the storage that a cache's root names.

    Raises:
        StorageError: the library for URLs is missing, or it is not told how to get there.
    """
    return root.storage if isinstance(root, UrlPath) else LocalStorage(root)
