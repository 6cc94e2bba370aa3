"""An error of a store says where, why and what to do, and stays itself on its way from process to process."""

from __future__ import annotations

import copy

from cache.common.errors import CacheError
from cache.common.storage.protocol import DeniedError, RemoteError


def test_an_error_is_one_line_and_can_be_sent() -> None:
    error = RemoteError("s3://b/c", "no such bucket", "make it first", retry=True)
    assert str(error) == "s3://b/c: no such bucket; make it first"
    again = copy.copy(error)  # as it is sent to another process
    assert (str(again), again.retry, again.reason) == (str(error), True, "no such bucket")
    assert isinstance(copy.copy(DeniedError("a", "b", "c")), DeniedError)


def test_it_is_neither_damage_nor_the_disk() -> None:
    assert not issubclass(RemoteError, CacheError | OSError)
