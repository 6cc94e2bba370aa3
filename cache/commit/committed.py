"""What the writers of a cache have committed so far, in extract → cache: so that no clip is committed twice."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cache.common.errors import DamagedCacheError
from cache.format import catalog
from cache.format.record import CommitRecord


class Recorded:
    """The commit records of a cache and who holds which clip; looks again for new ones at every question."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, CommitRecord] = {}
        self._holders: dict[str, list[CommitRecord]] = {}

    def _look(self) -> None:
        for path in catalog.record_paths(self._path):
            if path.stem in self._known:
                continue
            try:
                record = self._known[path.stem] = catalog.read_record(path)
            except DamagedCacheError:
                if not path.exists():  # taken back, or set aside, just now
                    continue
                raise
            for clip_id in record.clip_ids:
                self._holders.setdefault(clip_id, []).append(record)

    def forget(self, name: str) -> None:
        """Forget a shard that was taken away."""
        self._known.pop(name, None)
        self._holders = {
            clip_id: [record for record in records if record.name != name]
            for clip_id, records in self._holders.items()
        }

    def elsewhere(self, clip_ids: Sequence[str], name: str, generation: int) -> dict[str, str]:
        """Return clip id → shard, for the clips that a shard other than ``name``, no older, has brought."""
        self._look()
        return {
            clip_id: record.name
            for clip_id in clip_ids
            for record in self._holders.get(clip_id, ())
            if record.name != name and record.content.generation >= generation
        }

    def collides(self, record: CommitRecord) -> bool:
        """Say whether a clip would count twice, in this shard and in another one."""
        self._look()
        for clip_id in record.clip_ids:
            others = [other for other in self._holders.get(clip_id, ()) if other.name != record.name]
            replaced = catalog.superseded([record, *others]) if others else set()
            counting = [one for one in (record, *others) if (one.name, clip_id) not in replaced]
            if record in counting and len(counting) > 1:
                return True
        return False
