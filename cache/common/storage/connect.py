"""The connections to object stores, one for each bucket and process."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from cache.common.errors import StorageError
from cache.common.storage.courier import Courier
from cache.common.storage.protocol import RemoteObjects
from cache.common.storage.remote import RemoteStorage
from cache.common.storage.secrets import scrubbed
from cache.common.storage.url_path import UrlPath, storages

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig


ENDPOINTS = (
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT",
    "AZURE_ENDPOINT",
    "AZURE_STORAGE_ENDPOINT",
)
RETRIES = 8
RETRY_SECONDS = 90.0
REQUEST_SECONDS = 120  # a shard of 64 MB at 5 Mbit/s
_stores: dict[tuple[str, str], Any] = {}
_owner: list[int] = []  # the process whose threads make the requests


def remote_storage(root: UrlPath) -> RemoteObjects:
    """Return the storage behind a URL.

    Raises:
        StorageError: the library for URLs is missing, or it is not told how to get there.
    """
    if _owner and _owner[0] != os.getpid() and root.scheme != "memory":
        return cast(RemoteObjects, Courier(root))
    return RemoteStorage(root, store_of(root))


def store_of(root: UrlPath) -> Any:
    """Return the library's object for the bucket of a URL; the environment says endpoint and credentials."""
    key = (root.scheme, root.bucket)
    store = _stores.get(key)
    if store is None:
        store = _stores.setdefault(key, _connected(*key))
    return store


def forget() -> None:
    """Let go of all connections; what the environment says by then counts for the next."""
    _stores.clear()


def _connected(scheme: str, bucket: str) -> Any:
    try:
        from obstore.exceptions import BaseError
        from obstore.store import MemoryStore, from_url
    except ImportError:
        raise StorageError(
            f"{scheme}://{bucket} needs the library for object stores: pip install 'emi-fusion[stores]'"
        ) from None
    if scheme == "memory":
        return MemoryStore()
    _owner[:] = [os.getpid()]
    plain = scheme == "http" or any(os.environ.get(name, "").startswith("http:") for name in ENDPOINTS)
    client: ClientConfig = {
        "allow_http": plain,
        "connect_timeout": timedelta(seconds=10),
        "timeout": timedelta(seconds=REQUEST_SECONDS),
    }
    retry: RetryConfig = {"max_retries": RETRIES, "retry_timeout": timedelta(seconds=RETRY_SECONDS)}
    try:
        # objects are deleted one by one, and not every server knows the request for many
        more: Any = {"disable_bulk_delete": True} if scheme == "s3" else {}
        return from_url(f"{scheme}://{bucket}", client_options=client, retry_config=retry, **more)
    except (BaseError, ValueError, OSError) as error:
        reason = " ".join(scrubbed(str(error)).partition("Debug source:")[0].split())[:200]
        raise StorageError(
            f"{scheme}://{bucket}: {reason}; check the variables of the environment that name account, region "
            "and credentials"
        ) from None


storages.append(remote_storage)
