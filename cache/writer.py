"""The writer of a cache: publishes shards so that a kill at any instant leaves only whole ones."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from cache.commit import leases, partition, remote_leases
from cache.commit.committed import CommitIndex
from cache.commit.conditions import sole_writer
from cache.commit.failures import Failure, FailureLedger
from cache.commit.leases import Lease
from cache.commit.leftovers import tidy
from cache.commit.orphan import Published, identity, read_orphan, record_of
from cache.commit.partition import Committed, ShardPlan
from cache.commit.publish import publish
from cache.common import durable, gate
from cache.common.errors import DamagedCacheError, DuplicateClipError, StorageError
from cache.common.storage.url_path import UrlPath, place
from cache.format import catalog, index_file
from cache.format.card import card
from cache.format.catalog import SHARDS, Description
from cache.format.recipe import Recipe
from cache.format.record import CommitRecord, ShardContent, SourceStat, versions
from cache.format.schema import FrameField
from cache.shards.arrays import ClipFeatures, ShardArrays, shard_arrays
from cache.shards.registry import get_store, store_of
from cache.shards.store import ShardStore

MAX_ATTEMPTS = 5  # at publishing one shard


class _CollidesError(Exception):
    """A clip would count twice."""


class CacheWriter:
    """Writes one cache; any number of writers may share the folder.

    Attributes:
        path: of the cache.
        description: what ``cache.json`` says; fixed by whoever made the cache.
        lease_seconds: how long a lease lasts unless renewed.
    """

    def __init__(self, path: Path, description: Description) -> None:
        self.path = path
        self.description = description
        self.store = get_store(description.store)
        self.lease_seconds = leases.LEASE_SECONDS
        self._ledger = FailureLedger(path)
        self._index = CommitIndex(path)
        self._sole = sole_writer(path) if isinstance(path, UrlPath) else None

    @classmethod
    def open(
        cls,
        path: Path | str,
        recipe: Mapping[str, Any],
        fields: Sequence[FrameField],
        *,
        store: str = "hdf5",
        shard_mb: float = 64.0,
        licence: str = "",
    ) -> CacheWriter:
        """Make a cache, or continue one of the same recipe.

        Args:
            path: folder of the cache.
            recipe: everything that determines the values.
            fields: the frame fields it will hold.
            store: back end, for a new cache.
            shard_mb: target shard size [10^6 bytes], for a new cache.
            licence: of the encoder's weights, for the cache card.

        Raises:
            RecipeMismatchError: the folder holds a cache of another recipe.
            NotACacheError: the folder holds other files.
            StorageError: it cannot be written.
        """
        path = place(path)
        if (path / catalog.DESCRIPTION).exists():
            description = catalog.read_description(path)
        else:
            wanted = Description(Recipe(recipe), {f.name: f for f in fields}, store, shard_mb, licence)
            description = catalog.create(path, wanted, card(wanted))
        description.recipe.require_same_values(recipe, str(path))
        tidy(path)
        return cls(path, description)

    @property
    def fields(self) -> tuple[FrameField, ...]:
        """The frame fields every clip must bring."""
        return tuple(self.description.fields.values())

    @property
    def frames_per_shard(self) -> int:
        """Frames that fill a shard of the cache's ``shard_mb``."""
        frame_bytes = sum(field.bytes_per_frame for field in self.fields)
        return max(1, int(self.description.shard_mb * 1e6 // frame_bytes))

    def records(self) -> list[CommitRecord]:
        """Return the commit records of the cache; where they are many, leave an index for whoever opens it next."""
        records = catalog.read_records(self.path)
        return catalog.read_records(self.path) if index_file.keep(self.path, records) else records

    def plan(self, planned: Mapping[str, int], replace: Collection[str] = ()) -> list[ShardPlan]:
        """Return the shards of a source that are not committed yet.

        Args:
            planned: clip id → expected frames, of the whole source.
            replace: committed clips to be made again; their old values count until the new are committed.
        """
        committed = Committed(self.records(), catalog.read_set_aside(self.path))
        shards = partition.plan_shards(planned, committed, self.frames_per_shard, replace)
        taken = committed.names  # once: to find it walks through all that is committed
        return [shard for shard in shards if shard.name not in taken]

    def lease(self, plan: ShardPlan) -> Lease | None:
        """Return a lease on a shard to be made, or None while another writer holds it."""
        if self._sole is not None:
            self._sole.renew()
        if isinstance(self.path, UrlPath):
            return remote_leases.acquire(self.path, plan.name, self.lease_seconds)
        return leases.acquire(self.path, plan.name, self.lease_seconds)

    def is_committed(self, plan: ShardPlan) -> bool:
        """Say whether somebody has committed this shard by now."""
        return (self.path / SHARDS / f"{plan.name}.json").exists()

    def commit(self, clips: Sequence[ClipFeatures], plan: ShardPlan | None = None) -> CommitRecord | None:
        """Commit one shard whole.

        Args:
            clips: the clips that could be computed, in the order of their rows.
            plan: what was planned; by default exactly these clips.

        Returns:
            The record as it is on disk, or None when there is no clip to commit. Clips that another
            shard of the same or a later generation has brought meanwhile are left out.

        Raises:
            InvalidValueError: a value that must not enter a cache.
            DuplicateClipError: one clip twice, or, without a plan, a clip that is committed already.
            StorageError: the disk said no; nothing of this shard is visible then.
        """
        for _ in range(MAX_ATTEMPTS):
            kept = self._not_elsewhere(clips, plan)
            if not kept:
                return None
            planned = plan or self._plan_of(kept)
            shard, content = self.arrays_of(kept), self._content(kept, planned)
            record = self._commit(shard, content, planned.name)
            if record is not None:
                return record
        raise self._busy(planned.name)

    def arrays_of(self, clips: Sequence[ClipFeatures]) -> ShardArrays:
        """Return the arrays of a shard of these clips.

        Raises:
            InvalidValueError: a value that must not enter a cache.
        """
        return shard_arrays(clips, self.fields)

    def commit_arrays(self, shard: ShardArrays, content: ShardContent, name: str) -> CommitRecord:
        """Commit arrays laid out already; ``commit`` says the rest."""
        record = self._commit(shard, content, name)
        if record is None:
            raise DuplicateClipError(
                f"{self.path}: another process commits the same clips in other shards at this moment; "
                "end one of the two and run the other again"
            )
        return record

    def generations(self, clip_ids: Sequence[str]) -> dict[str, int]:
        """Return the latest generation committed of those of the clips that the cache holds by now."""
        return self._index.generations(clip_ids)

    def versions(self) -> dict[str, str]:
        """Return the versions that a record names; that of the back end's library is always among them."""
        import_module(self.store.library)
        return versions()

    def fail(self, failure: Failure) -> None:
        """List a clip that could not be cached."""
        self._ledger.add(failure)

    def _plan_of(self, clips: Sequence[ClipFeatures]) -> ShardPlan:
        planned = {clip.clip_id: clip.num_frames for clip in clips}
        return ShardPlan(partition.shard_name(planned), planned, plan_id="direct")

    def _content(self, clips: Sequence[ClipFeatures], plan: ShardPlan) -> ShardContent:
        ids = [clip.clip_id for clip in clips]
        if len(set(ids)) != len(ids):
            twice = next(clip_id for clip_id in ids if ids.count(clip_id) > 1)
            raise DuplicateClipError(f"{self.path}: clip {twice} stands twice in one shard")
        sources = {c.clip_id: SourceStat(c.source, c.source_bytes, c.source_mtime_ns) for c in clips}
        replaced = tuple(clip_id for clip_id in ids if clip_id in plan.supersedes)
        recipe_id, libraries = self.description.recipe.recipe_id, self.versions()
        notes = {clip.clip_id: dict(clip.notes) for clip in clips if clip.notes}
        return ShardContent(
            recipe_id, plan.plan_id, plan.planned, sources, libraries, plan.generation, replaced, notes=notes
        )

    def _not_elsewhere(self, clips: Sequence[ClipFeatures], plan: ShardPlan | None) -> Sequence[ClipFeatures]:
        """Leave out what other shards hold: a plan may be older than what others have committed since."""
        name, generation = (plan.name, plan.generation) if plan else (self._plan_of(clips).name, 0)
        elsewhere = self._index.elsewhere([clip.clip_id for clip in clips], name, generation)
        if plan is None and elsewhere:
            twice = next(iter(elsewhere))
            raise DuplicateClipError(
                f"{self.path}: clip {twice} stands in shard {elsewhere[twice]} already; "
                "plan it with replace to commit it again"
            )
        return [clip for clip in clips if clip.clip_id not in elsewhere]

    def _commit(self, shard: ShardArrays, content: ShardContent, name: str) -> CommitRecord | None:
        """Publish a shard and write its record; None, and no trace, if another has brought one of its clips.

        Many may publish at once. Before its record is written a writer looks at those of others, and after it
        once more: of two shards with a clip in common, whichever is recorded last is taken back, whatever
        else happened. Taking turns keeps both from seeing each other, and readers from seeing either.
        """
        final, target = (self.path / SHARDS / (name + suffix) for suffix in (self.store.suffix, ".json"))
        shard = shard.with_row_checksums()
        for _ in range(MAX_ATTEMPTS):
            if target.exists():
                return catalog.read_record(target)
            with durable.storage_errors(final):
                self._index.announce(name)
                published = publish(self.path, self.store, final, shard, content)
                if published is None:
                    continue
                try:
                    record = self._record(self.store, final, published)
                except _CollidesError:
                    durable.remove(final)
                    return None
                if record is not None:
                    return record
        raise self._busy(name)

    def _record(self, store: ShardStore, final: Path, published: Published) -> CommitRecord | None:
        """Write the record of a published shard.

        None when another writer of this shard has recorded, taken away or replaced it.

        Raises:
            _CollidesError: a clip would count twice, in this shard and in another one.
        """
        target = final.with_suffix(".json")
        with remote_leases.turn(self.path / SHARDS):
            if target.exists() or identity(final) != published.identity:
                return None
            record = record_of(store, final, published)
            if self._index.collides(record):
                raise _CollidesError
            if not durable.write_once(target, record.to_bytes()):
                return None
            self._index.add(record)
            collides = self._index.collides(record)
            if not collides and identity(final) == published.identity:
                return catalog.read_record(target)
            gate.remove(self.path, target)
            self._index.forget(record.name)
            if collides:
                raise _CollidesError
            return None

    def record_orphan(self, file: str) -> bool:
        """Record a shard that was published by somebody who did not come to record it; say whether it was.

        It is not when it is damaged, of another recipe, or when other shards have brought its clips by now.
        """
        final, store = self.path / SHARDS / file, store_of(file)
        if store is None:
            return False
        try:
            published = read_orphan(store, final)
            record = record_of(store, final, published)
            elsewhere = self._index.elsewhere(record.clip_ids, record.name, record.content.generation)
            is_ours = record.content.recipe_id == self.description.recipe.recipe_id
            if elsewhere or not is_ours or not partition.is_own_name(record):
                return False
            with durable.storage_errors(final):
                self._index.announce(record.name)
                return self._record(store, final, published) is not None
        except (_CollidesError, DamagedCacheError, FileNotFoundError):
            return False

    def _busy(self, name: str) -> StorageError:
        return StorageError(
            f"{self.path}: shard {name} was taken away {MAX_ATTEMPTS} times while it was committed; is a cleaner "
            "running, or another source with the same clips?"
        )
