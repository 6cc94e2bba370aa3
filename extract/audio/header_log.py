"""Remembers the headers that were read, so that planning very many clips goes on where it was ended.

A file of lines in the cache, each with its own checksum; a damaged line, or one of a file that has another size or
time since, only costs reading one header more. It is removed once there is nothing left to extract.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

from cache.common import gate
from cache.common.errors import DamagedCacheError
from cache.common.storage.url_path import UrlPath
from cache.format import own_checksum
from extract.audio.headers import Header, header_of, read_headers_by
from extract.errors import ClipError
from extract.sources.clips import Sound, source_stat

FILE = "headers.jsonl"
MIN_FILES = 1000  # fewer are read again in a moment
MAX_BYTES = 1 << 34
FLUSH_SECONDS = 2.0  # what a kill costs at most


class HeaderLog:
    """The headers known of a source's files, by file, stream and rules; used by one thread.

    Args:
        folder: of the cache.
        rules: a version of ``extract.audio.rules``.
    """

    def __init__(self, folder: Path, rules: int) -> None:
        self._folder, self._rules = folder, rules
        self._file: BinaryIO | None = None
        self._flushed = time.monotonic()

    def read_headers(
        self, sounds: Iterable[Sound], num_workers: int, on_progress: Callable[[int, int], None]
    ) -> dict[Sound, Header | ClipError]:
        """Return the header of every file, or why it has none; what is read now is remembered as it comes.

        Args:
            sounds: files with their streams.
            num_workers: threads.
            on_progress: called with how many are known, and of how many; it may raise.
        """
        wanted = list(dict.fromkeys(sounds))
        remembers = len(wanted) >= MIN_FILES and not isinstance(
            self._folder, UrlPath
        )  # a store appends nothing
        known = self._known(wanted) if remembers else {}
        unread = [sound for sound in wanted if sound not in known]
        headers: dict[Sound, Header | ClipError] = {**known}
        try:
            for sound, header in read_headers_by(
                lambda each: header_of(each, self._rules), unread, num_workers
            ):
                headers[sound] = header
                if remembers and isinstance(header, Header):
                    self._add(sound, header)
                on_progress(len(headers), len(wanted))
        finally:
            self._close()
        return headers

    def remove(self) -> None:
        """Forget all: there is nothing left to plan."""
        if isinstance(self._folder, UrlPath):
            return
        with suppress(OSError, DamagedCacheError):
            gate.remove(self._folder, self._folder / FILE)

    def _known(self, wanted: Iterable[Sound]) -> dict[Sound, Header]:
        """Return the headers of those files that are still as they were."""
        asked = {(str(sound.path), sound.audio_stream): sound for sound in wanted}
        found = {}
        for path, stream, size, mtime_ns, header in self._lines():
            sound = asked.get((path, stream))
            if sound is not None and source_stat(sound.path) == (size, mtime_ns):
                found[sound] = header
        return found

    def _lines(self) -> Iterator[tuple[str, int | None, int, int, Header]]:
        try:
            with gate.opened(self._folder, self._folder / FILE, MAX_BYTES) as file:
                for line in file:
                    with suppress(ValueError, TypeError, KeyError):
                        value, has_checksum = own_checksum.from_bytes(line, surrogates=True)
                        if has_checksum and value["rules"] == self._rules:
                            key = value["path"], value["stream"], value["size"], value["mtime_ns"]
                            yield *key, Header(**value["header"])
        except (OSError, DamagedCacheError):
            return

    def _add(self, sound: Sound, header: Header) -> None:
        stat = source_stat(sound.path)
        if stat is None:
            return
        said = {"path": str(sound.path), "stream": sound.audio_stream, "rules": self._rules}
        line = own_checksum.to_bytes({**said, "size": stat[0], "mtime_ns": stat[1], "header": asdict(header)})
        with suppress(OSError):  # a full disk: the run itself will say so
            file = self._file = self._file or self._opened()
            file.write(line)
            if time.monotonic() - self._flushed > FLUSH_SECONDS:
                file.flush()
                self._flushed = time.monotonic()

    def _opened(self) -> BinaryIO:
        handle = os.open(self._folder / FILE, os.O_WRONLY | os.O_APPEND | os.O_CREAT | gate.NOFOLLOW, 0o666)
        file = os.fdopen(handle, "ab", buffering=1 << 20)
        file.write(b"\n")  # a line of its own, whatever a kill has cut off before
        return file

    def _close(self) -> None:
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
            self._file = None
