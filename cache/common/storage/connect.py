"""The connections to object stores, one for each bucket and process."""

from __future__ import annotations

import os
import re
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


ENDPOINTS = {  # variables of the environment, by the kind of store
    "s3": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
    "gs": ("GOOGLE_BASE_URL",),
    "az": ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"),
}
ADDRESS = re.compile(
    r"https?://(?:[^/@\s]*@)?(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?(?:/[^\s?#]*)?", re.IGNORECASE
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
    endpoints = _endpoints(scheme)
    plain = scheme == "http" or any(each.lower().startswith("http:") for each in endpoints)
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


def _endpoints(scheme: str) -> list[str]:
    """Return the endpoints that the environment names; the library itself would panic at what is no address.

    Raises:
        StorageError: one is no address; it is not shown, since a password may stand in it.
    """
    given = {name: os.environ[name] for name in ENDPOINTS.get(scheme, ()) if name in os.environ}
    for name, value in given.items():
        if not ADDRESS.fullmatch(value):
            raise StorageError(
                f"{name} in the environment is {'no address' if value else 'empty'}, expected http://HOST:PORT or "
                "https://HOST; set it, or unset it"
            )
    return list(given.values())


storages.append(remote_storage)
