"""What the writers of a cache have committed so far: so that no clip is committed twice."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from cache.commit.file_system import is_local
from cache.commit.journal import Journal
from cache.commit.remote_journal import RemoteJournal
from cache.common import gate
from cache.common.errors import DamagedCacheError
from cache.common.storage.url_path import UrlPath
from cache.format import catalog, index_file
from cache.format.record import CommitRecord
from cache.format.record_index import IndexedRecord, RecordIndex

LIST_SECONDS = 0.2  # between two looks at all names: for records that no journal announced
LIST_SHARE = 0.05  # of a writer's time that it may spend on them, however many there are


class CommitIndex:
    """The commit records of a cache and who holds which clip; looks for new ones at every question.

    A look costs what is new, not what is there: journals say which records others have written. The names of
    all records are listed where journals cannot say it: at first, when a writer has come or gone, every
    ``LIST_SECONDS`` (files copied into the folder, writers of earlier versions), and on network file systems.
    """

    def __init__(self, path: Path) -> None:
        self._shards = path / catalog.SHARDS
        self._journal = RemoteJournal(path) if isinstance(path, UrlPath) else Journal(path)
        self._sees_others_at_once = isinstance(path, UrlPath) or is_local(path)
        self._listed, self._listing_took = float("-inf"), 0.0
        self._base: RecordIndex | None = None  # who holds which clip, of the records that it is of
        self._known: dict[str, CommitRecord] = {}
        self._holders: dict[str, list[CommitRecord]] = {}
        self._announced: set[str] = set()  # and not recorded, as far as is known
        self._look_alone, self._pid = threading.Lock(), os.getpid()

    def announce(self, name: str) -> None:
        """Let other writers know that a record of this name may come; raises StorageError."""
        self._journal.announce(name)

    def add(self, record: CommitRecord) -> None:
        """Know a record, one that this writer has just written for example."""
        known = self._known.get(record.name)
        if known == record:
            return
        if known is not None:  # taken back, and made again with other clips
            self.forget(record.name)
        for clip_id in record.clip_ids:
            self._holders.setdefault(clip_id, []).append(record)
        self._known[record.name] = record  # last: whoever finds it here finds its clips

    def forget(self, name: str) -> None:
        """Forget a shard that was taken away; whoever makes it again may have announced it already."""
        record = self._known.pop(name, None)
        self._announced.add(name)
        for clip_id in record.clip_ids if record else ():
            self._holders[clip_id] = [one for one in self._holders.get(clip_id, ()) if one.name != name]

    def generations(self, clip_ids: Sequence[str]) -> dict[str, int]:
        """Return the latest generation committed of those of the clips that are."""
        self._look()
        return {
            clip_id: max(record.content.generation for record in records)
            for clip_id, records in self._held(clip_ids).items()
            if records
        }

    def elsewhere(self, clip_ids: Sequence[str], name: str, generation: int) -> dict[str, str]:
        """Return clip id → shard, for the clips that a shard other than ``name``, no older, has brought."""
        self._look()
        return {
            clip_id: record.name
            for clip_id, records in self._held(clip_ids).items()
            for record in self._others(records, name)
            if record.content.generation >= generation
        }

    def collides(self, record: CommitRecord) -> bool:
        """Say whether a clip would count twice, in this shard and in another one."""
        self._look()
        for clip_id, records in self._held(record.clip_ids).items():
            others = self._others(records, record.name)
            replaced = catalog.superseded([record, *others]) if others else set()
            counting = [one for one in (record, *others) if (one.name, clip_id) not in replaced]
            if record in counting and len(counting) > 1:
                return True
        return False

    def _held(self, clip_ids: Sequence[str]) -> dict[str, list[CommitRecord]]:
        """Return who holds each of some clips."""
        held = {clip_id: list(self._holders.get(clip_id, ())) for clip_id in clip_ids}
        if self._base is not None:
            for clip_id, shards in self._base.shards_of(clip_ids).items():
                records = (self._known.get(self._base.names[shard]) for shard in shards)
                held[clip_id] += [
                    one for one in records if isinstance(one, IndexedRecord) and clip_id in one.clip_ids
                ]
        return held

    def _others(self, records: Sequence[CommitRecord], name: str) -> list[CommitRecord]:
        """Return who else holds a clip; a record that was taken back since it was read holds none."""
        others = [record for record in records if record.name != name]
        gone = [record for record in others if not self._path(record.name).exists()]
        for record in gone:
            self.forget(record.name)
        return [record for record in others if record not in gone] if gone else others

    def _look(self) -> None:
        if self._pid != os.getpid():  # a fork may have taken the lock over held
            self._look_alone, self._pid = threading.Lock(), os.getpid()
        with self._look_alone:  # of two threads none goes on before what the other has heard of is known
            self._find_new()

    def _find_new(self) -> None:
        news = self._journal.news()
        if self._listed == float("-inf"):
            self._begin_with_index()
        names = self._announced.union(news.announced)
        now = time.monotonic()
        pause = max(LIST_SECONDS, self._listing_took / LIST_SHARE)
        if not news.is_all or not self._sees_others_at_once or now - self._listed >= pause:
            names.update(name[:-5] for name in gate.names(self._shards.parent, self._shards.name, ".json"))
            self._listed, self._listing_took = now, time.monotonic() - now
        again = self._known.keys() & news.announced  # for what was taken back is announced again
        # One by one, since a set less the known names would walk through all of those, at every commit.
        unread = {name for name in names if name not in self._known}
        for name in sorted(unread | again):
            record = self._read(name)
            if record is not None:
                self.add(record)
            elif name in again:
                self.forget(name)
        self._announced.update(news.announced)
        self._announced = {name for name in self._announced if name not in self._known}

    def _begin_with_index(self) -> None:
        """Know the records that an index stands for, without reading them."""
        self._base = index_file.load(self._shards)
        if self._base is not None:
            self._known = self._base.records(index_file.stats(self._shards))

    def _read(self, name: str) -> CommitRecord | None:
        """Return a record; None for one that was announced and is not there yet, or was taken back just now."""
        path = self._path(name)
        if not path.exists():
            return None
        try:
            return catalog.read_record(path)
        except DamagedCacheError:
            if not path.exists():
                return None
            raise

    def _path(self, name: str) -> Path:
        return self._shards / f"{name}.json"
