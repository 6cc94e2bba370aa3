"""Puts finished shards into a cache so that a kill at any instant leaves only whole ones."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cache import files, folder, partition
from cache.card import card
from cache.errors import DamagedCacheError, DuplicateClipError, StorageError
from cache.failures import Failure, FailureLedger
from cache.features import ClipFeatures, shard_arrays
from cache.folder import SHARDS, Description
from cache.partition import ShardPlan
from cache.recipe import recipe_id, require_same_values
from cache.record import CommitRecord, ShardContent, SourceStat
from cache.schema import CLIPS, OFFSETS, FrameField
from cache.store import CONTENT, Stored, get_store


class CacheWriter:
    """Writes one cache; any number of writers may share the folder.

    Attributes:
        path: of the cache.
        description: what ``cache.json`` says; fixed by whoever made the cache.
    """

    def __init__(self, path: Path, description: Description) -> None:
        self.path = path
        self.description = description
        self.store = get_store(description.store)
        self._recipe_id = recipe_id(description.recipe)
        self._ledger = FailureLedger(path)

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
            files.remove_dead_tmp(path)
            files.remove_dead_tmp(path / SHARDS)
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

    def plan(self, planned: Mapping[str, int]) -> list[ShardPlan]:
        """Return the shards of a source (clip id → expected frames) that are not committed yet."""
        records = folder.read_records(self.path)
        done = {record.name for record in records}
        shards = partition.plan_shards(planned, records, self.frames_per_shard)
        return [shard for shard in shards if shard.name not in done]

    def commit(self, clips: Sequence[ClipFeatures], plan: ShardPlan | None = None) -> CommitRecord | None:
        """Commit one shard whole.

        Args:
            clips: the clips that could be computed, in the order of their rows.
            plan: what was planned; by default exactly these clips.

        Returns:
            The record as it is on disk, or None when there is no clip to commit.

        Raises:
            InvalidValueError: a value that must not enter a cache.
            DuplicateClipError: the shard's name is taken by other clips.
            StorageError: the disk said no; nothing of this shard is visible then.
        """
        if not clips:
            return None
        plan = plan or self._plan_of(clips)
        shard = shard_arrays(clips, self.fields)
        content = self._content(clips, plan)
        name = plan.name + self.store.suffix
        final = self.path / SHARDS / name
        with files.storage_errors(final):
            tmp = files.tmp_path(final)
            stored = self.store.stage(tmp, shard, content.to_bytes())
            if not self.store.publish(tmp, final):
                stored, content = self._published(final)
        record = self._record(plan.name, final, stored, content)
        target = self.path / SHARDS / f"{plan.name}.json"
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
        return ShardContent(self._recipe_id, plan.plan_id, plan.planned, sources, versions(), plan.generation)

    def _published(self, final: Path) -> tuple[Stored, ShardContent]:
        """Somebody published this name before: take what is there, if it is sound, as the shard."""
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
