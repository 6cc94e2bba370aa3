"""Puts finished shards into a cache so that a kill at any instant leaves only whole ones."""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cache import files, folder, leases, partition
from cache.card import card
from cache.errors import DamagedCacheError, DuplicateClipError, StorageError
from cache.failures import Failure, FailureLedger
from cache.features import ClipFeatures, ShardArrays, shard_arrays
from cache.folder import SHARDS, Description, set_aside
from cache.leases import Lease
from cache.partition import Committed, ShardPlan
from cache.recipe import recipe_id, require_same_values
from cache.record import CommitRecord, ShardContent, SourceStat
from cache.schema import CLIPS, OFFSETS, FrameField
from cache.store import CONTENT, Stored, get_store

MAX_ATTEMPTS = 3  # at publishing one shard


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
        if description.store == "hdf5":
            import h5py  # noqa: F401  # every record names its version, the first one too
        self._recipe_id = recipe_id(description.recipe)
        self.lease_seconds = leases.LEASE_SECONDS
        self._ledger = FailureLedger(path)
        self._known: dict[str, CommitRecord] = {}

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
        path = Path(path)
        if (path / folder.DESCRIPTION).exists():
            description = folder.read_description(path)
        else:
            wanted = Description(dict(recipe), {f.name: f for f in fields}, store, shard_mb, licence)
            description = folder.create(path, wanted, card(wanted))
        require_same_values(description.recipe, recipe, str(path))
        with files.storage_errors(path):
            for folder_path in (path, path / SHARDS, path / folder.LEASES):
                leases.remove_dead_tmp(path, folder_path)
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

    def plan(self, planned: Mapping[str, int], replace: Collection[str] = ()) -> list[ShardPlan]:
        """Return the shards of a source that are not committed yet.

        Args:
            planned: clip id → expected frames, of the whole source.
            replace: committed clips to be made again; their old values count until the new are committed.
        """
        committed = Committed(folder.read_records(self.path), folder.read_set_aside(self.path))
        shards = partition.plan_shards(planned, committed, self.frames_per_shard, replace)
        return [shard for shard in shards if shard.name not in committed.names]

    def lease(self, plan: ShardPlan) -> Lease | None:
        """Return a lease on a shard to be made, or None while another writer holds it."""
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
        clips = self._not_elsewhere(clips, plan)
        if not clips:
            return None
        plan = plan or self._plan_of(clips)
        shard = shard_arrays(clips, self.fields)
        return self.commit_arrays(shard, self._content(clips, plan), plan.name)

    def commit_arrays(self, shard: ShardArrays, content: ShardContent, name: str) -> CommitRecord:
        """Commit arrays laid out already; ``commit`` says the rest."""
        final = self.path / SHARDS / (name + self.store.suffix)
        with files.storage_errors(final):
            stored, content = self._publish(final, shard, content)
        record = self._record(name, final, stored, content)
        target = self.path / SHARDS / f"{name}.json"
        files.write_once(target, record.to_bytes())
        return folder.read_record(target)

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
        return ShardContent(
            self._recipe_id, plan.plan_id, plan.planned, sources, versions(), plan.generation, replaced
        )

    def _not_elsewhere(self, clips: Sequence[ClipFeatures], plan: ShardPlan | None) -> Sequence[ClipFeatures]:
        """Leave out what other shards hold: a plan may be older than what others have committed since."""
        for path in folder.record_paths(self.path):
            if path.stem not in self._known:
                self._known[path.stem] = folder.read_record(path)
        name = plan.name if plan else self._plan_of(clips).name
        generation = plan.generation if plan else 0
        elsewhere = {
            clip_id: record.name
            for record in self._known.values()
            if record.name != name and record.content.generation >= generation
            for clip_id in record.clip_ids
        }
        kept = [clip for clip in clips if clip.clip_id not in elsewhere]
        if plan is None and len(kept) < len(clips):
            twice = next(clip.clip_id for clip in clips if clip.clip_id in elsewhere)
            raise DuplicateClipError(
                f"{self.path}: clip {twice} stands in shard {elsewhere[twice]} already; "
                "plan it with replace to commit it again"
            )
        return kept

    def _publish(self, final: Path, shard: ShardArrays, content: ShardContent) -> tuple[Stored, ShardContent]:
        """Give the shard its name; when that is taken, take what is there, if it is sound, as the shard."""
        for _ in range(MAX_ATTEMPTS):
            tmp = files.tmp_path(final)
            try:
                stored = self.store.stage(tmp, shard, content.to_bytes())
                if self.store.publish(tmp, final):
                    return stored, content
                return self._published(final)
            except FileNotFoundError:
                continue  # stopped for longer than its lease, this writer was taken for dead and cleaned up
            except DamagedCacheError:
                if (final.parent / f"{final.stem}.json").exists():
                    raise
                set_aside(self.path, final)  # no record names it: it never was part of the cache
        raise StorageError(
            f"{final}: its temporary file vanished {MAX_ATTEMPTS} times; is a cleaner running?"
        )

    def _published(self, final: Path) -> tuple[Stored, ShardContent]:
        stored = self.store.describe(final)
        try:
            opened = self.store.open(final, stored.datasets)
            raw = opened.read(CONTENT, 0, stored.datasets[CONTENT].shape[0])
            content = ShardContent.from_json(json.loads(raw.tobytes()))
        except (KeyError, TypeError, ValueError) as error:
            raise DamagedCacheError(
                f"{final}: published without a record and not readable ({error})"
            ) from None
        if content.recipe_id != self._recipe_id:
            raise DamagedCacheError(f"{final}: published without a record and made with another recipe")
        return stored, content

    def _record(self, name: str, final: Path, stored: Stored, content: ShardContent) -> CommitRecord:
        """Make the record from the published file, so that it says what is there."""
        opened = self.store.open(final, stored.datasets)
        id_rows = stored.datasets[CLIPS + "clip_id"].shape[0]
        ids = opened.read(CLIPS + "clip_id", 0, id_rows)
        offsets = opened.read(OFFSETS, 0, id_rows + 1)
        return CommitRecord(
            name=name,
            store=self.store.name,
            file=final.name,
            num_bytes=stored.num_bytes,
            checksum=stored.checksum,
            clip_ids=tuple(value.decode() for value in ids.tolist()),
            num_frames=tuple(np.diff(offsets).tolist()),
            datasets=stored.datasets,
            content=content,
        )


def versions() -> dict[str, str]:
    """Return the versions of the libraries that had a part in the values and are loaded right now."""
    libraries = ("numpy", "h5py", "zarr", "torch", "transformers", "soundfile", "av", "soxr")
    loaded = {name: getattr(sys.modules.get(name), "__version__", None) for name in libraries}
    return {name: str(version) for name, version in loaded.items() if version}


def check_writable(path: Path) -> None:
    """Raise StorageError unless a file can be made in ``path`` (or where it will be made)."""
    existing = path
    while not existing.exists():
        existing = existing.parent
    if not existing.is_dir():
        raise StorageError(f"{path}: {existing} is a file; choose another folder")
    probe = files.tmp_path(existing / "probe")
    with files.storage_errors(path):
        files.write_durable(probe, b"")
        probe.unlink()
