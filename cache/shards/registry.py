"""The back ends there are: a new one is a module with its store, and a line here."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from cache.common.errors import CacheError
from cache.common.registry import Registry, near_miss

if TYPE_CHECKING:  # with numpy, which no help text needs
    from cache.shards.store import ShardStore

STORES: Registry[Callable[[], ShardStore]] = Registry("storage back end", CacheError)
STORES.add("hdf5", "cache.shards.hdf5:Hdf5Store", "one .h5 file a shard; reads fastest")
STORES.add("zarr", "cache.shards.zarr:ZarrStore", "one folder of Zarr 3 arrays a shard")
DEFAULT = "hdf5"  # of a new cache


SUFFIX = re.compile(r"\.(?!json$|tmp$)[0-9a-z]{1,10}")


def get_store(name: str) -> ShardStore:
    """Return the back end called ``name``.

    Raises:
        CacheError: it is not known, or its shards could not be told from other files.
    """
    store = STORES.get(name)()
    if not SUFFIX.fullmatch(store.suffix):
        raise CacheError(
            f"storage back end {name}: suffix {store.suffix!r}, expected a dot and up to 10 lower-case letters or "
            "digits, and neither .json nor .tmp"
        )
    return store


def store_of(file: str) -> ShardStore | None:
    """Return the back end whose suffix a file has; None for a file that is no shard."""
    stores = (get_store(name) for name in STORES)
    return next((store for store in stores if file.endswith(store.suffix)), None)


def suffixes() -> frozenset[str]:
    """Return the suffixes of shards, of all back ends."""
    return frozenset(get_store(name).suffix for name in STORES)


def backend_name(name: str | None) -> str | None:
    """Take the name of a back end as it was typed, in any case, and refuse others: the callback of an option."""
    if name is None:
        return None
    known = name.lower()
    if known not in STORES:
        import typer  # only command lines come here

        raise typer.BadParameter(f"found {name!r}, expected {STORES.choices()}{near_miss(known, STORES)}")
    return known
