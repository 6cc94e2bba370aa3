"""The import: what was understood is read clip by clip, checked, and committed shard by shard."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cache.commit.failures import Failure, read_failures
from cache.commit.leases import Lease
from cache.commit.partition import ShardPlan
from cache.common.durable import check_writable
from cache.common.errors import InvalidValueError, NotACacheError, is_out_of_memory
from cache.common.progress import OnPhase, silent_phase
from cache.common.storage.url_path import place
from cache.common.types import Array
from cache.format import catalog
from cache.format.record import CommitRecord
from cache.format.schema import SAMPLING_RATE, FrameField
from cache.imports.entry import Entry
from cache.imports.find import find_all
from cache.imports.options import ImportOptions
from cache.imports.segments import cut
from cache.imports.understood import Understanding, understand
from cache.imports.values import UnreadableError
from cache.shards.arrays import ClipFeatures, check_clip
from cache.writer import CacheWriter

HASH = "features:"  # before the sha256 of a clip's numbers, where extract has that of its sound
UNHEARD_DB = 0.0  # rms_db of clips whose sound nobody has heard: the same for all, and not silent
SINGLE_LIMIT = float(np.finfo(np.float32).max)
POLL_SECONDS = 0.5  # between two looks at shards that other writers hold


@dataclass(frozen=True)
class Imported:
    """What an import did.

    Attributes:
        path: of the cache.
        understood: how the sources were taken.
        clips: of the sources, in the cache now.
        added: by this import.
        failures: clips of the sources that are not in the cache.
        changed: cached clips from files whose size or time is another one than when they were imported.
        written: whether anything was to be written; False for a dry run.
    """

    path: Path
    understood: Understanding
    clips: int
    added: int
    failures: tuple[Failure, ...]
    changed: int = 0
    written: bool = True


def import_features(
    sources: Sequence[Path | str],
    out: Path | str,
    options: ImportOptions | None = None,
    *,
    dry_run: bool = False,
    on_phase: OnPhase = silent_phase,
) -> Imported:
    """Make a cache of features that other tools have made, or add to it what its sources have got since.

    Args:
        sources: files or folders.
        out: folder of the cache; continued when it exists and has the same recipe.
        options: what the features are.
        dry_run: say what was understood, and write nothing.
        on_phase: called with the name of a phase, ``looking`` (files) or ``writing`` (clips).

    Raises:
        CacheError: a source, an option or the folder cannot be used; one readable line.
    """
    out, options = place(out), options or ImportOptions()
    found = find_all([Path(source) for source in sources], options, on_phase("looking"))
    if options.segments is not None:
        found = cut(found, options.segments, options)
    understood = understand(found, options, _cached_fields(out))
    if dry_run:
        if (out / catalog.DESCRIPTION).exists():
            catalog.read_description(out).recipe.require_same_values(understood.recipe, str(out))
        return Imported(out, understood, 0, 0, understood.failures, written=False)
    check_writable(out)
    store, licence = options.backend, _licence(options)
    writer = CacheWriter.open(
        out, understood.recipe, understood.fields, store=store, shard_mb=options.shard_mb, licence=licence
    )
    before = catalog.effective(catalog.read_records(out)).keys()
    for failure in understood.failures:
        writer.fail(failure)
    _write_all(writer, understood, on_phase)
    records = catalog.effective(catalog.read_records(out))
    now = records.keys()
    asked = understood.frames.keys()
    entries = {entry.clip_id: entry for entry in understood.entries}
    ids = asked | {failure.clip_id for failure in understood.failures}
    failures = tuple(failure for failure in read_failures(out, now) if failure.clip_id in ids)
    changed = sum(
        clip_id in before and _has_changed(entry, records[clip_id]) for clip_id, entry in entries.items()
    )
    return Imported(out, understood, len(now & asked), len((now - before) & asked), failures, changed)


def _has_changed(entry: Entry, record: CommitRecord) -> bool:
    """Say whether the file of a cached clip is another one than when it was imported."""
    known = record.content.sources.get(entry.clip_id)
    status = entry.path.stat() if entry.path.exists() else None
    return known is not None and (
        status is None or (known.size, known.mtime_ns) != (status.st_size, status.st_mtime_ns)
    )


def _licence(options: ImportOptions) -> str:
    return f"not known: the features were imported; {options.encoder or 'their encoder was not named'}"


def _cached_fields(out: Path) -> tuple[FrameField, ...]:
    with suppress(NotACacheError):
        return tuple(catalog.read_description(out).fields.values())
    return ()


def _write_all(writer: CacheWriter, understood: Understanding, on_phase: OnPhase) -> None:
    """Write the shards that are not there yet; then see to those that other writers held and did not finish."""
    entries = {entry.clip_id: entry for entry in understood.entries}
    plans = writer.plan(understood.frames)
    total, done, on_progress = sum(len(plan.planned) for plan in plans), 0, on_phase("writing")
    with ThreadPoolExecutor(1, "write") as committing:
        while plans:
            held: list[ShardPlan] = []
            writing: Future[Any] | None = None
            for plan in plans:
                lease = writer.lease(plan)
                if lease is None:
                    held.append(plan)
                    continue
                try:
                    clips = [] if writer.is_committed(plan) else _read(writer, plan, entries, lease)
                    if writing:
                        writing.result()
                except BaseException:
                    lease.release()
                    raise
                writing = committing.submit(_commit, writer, plan, clips, lease)
                done += len(plan.planned)
                on_progress(done, total)
            if writing:
                writing.result()
            plans = [plan for plan in held if not writer.is_committed(plan)]
            if len(plans) == len(held) and plans:
                time.sleep(POLL_SECONDS)


def _commit(writer: CacheWriter, plan: ShardPlan, clips: Sequence[ClipFeatures], lease: Lease) -> None:
    try:
        if clips:
            writer.commit(clips, plan)
    finally:
        lease.release()


def _read(
    writer: CacheWriter, plan: ShardPlan, entries: Mapping[str, Entry], lease: Lease
) -> list[ClipFeatures]:
    """Read the clips of a shard; those that cannot be taken are listed."""
    clips = []
    for clip_id in plan.planned:
        if clip_id not in entries:
            continue  # of an earlier source
        made = clip_of(entries[clip_id], writer.fields)
        if isinstance(made, Failure):
            writer.fail(made)
        else:
            clips.append(made)
        lease.renew()
    return clips


def clip_of(entry: Entry, fields: Sequence[FrameField]) -> ClipFeatures | Failure:
    """Read the features of a clip and check them, or say why they must not enter the cache."""
    try:
        status = entry.path.stat()
        values = entry.values.load()
        if values.shape != entry.values.shape:
            raise UnreadableError(
                f"an array {values.shape}, expected {entry.values.shape}: it has changed meanwhile"
            )
        clip = _features(entry, values, fields, (status.st_size, status.st_mtime_ns))
        check_clip(clip, fields)
        kept = {f.name: clip.frames[f.name].astype(f.dtype, copy=False) for f in fields}
        return ClipFeatures(**{**vars(clip), "frames": kept})
    except InvalidValueError as error:
        return _failure(entry, "wrong_shape" if error.reason == "shape" else error.reason, str(error))
    except UnreadableError as error:
        return _failure(entry, error.reason, str(error))
    except OSError as error:
        return _failure(entry, "unreadable", f"cannot be read ({error.strerror or error})")
    except MemoryError as error:
        if not is_out_of_memory(error):
            raise
        return _failure(entry, "out_of_memory", f"an array {entry.values.shape} does not fit the memory")


def _failure(entry: Entry, reason: str, message: str) -> Failure:
    return Failure(entry.clip_id, entry.shown, "decode", reason, message)


def _features(
    entry: Entry, values: Array, fields: Sequence[FrameField], stat: tuple[int, int]
) -> ClipFeatures:
    layers = values.reshape(len(fields), -1, fields[0].width)
    if layers.dtype.itemsize > 4 and layers.dtype.kind == "f":
        largest = np.abs(layers).max()
        if SINGLE_LIMIT < largest < np.inf:
            raise UnreadableError(f"{largest:g} does not fit float32", "overflow")
    if not layers.dtype.isnative or layers.dtype.kind != "f":
        layers = layers.astype(np.float64 if layers.dtype.itemsize > 2 else np.float32)
    frames = {field.name: layer for field, layer in zip(fields, layers, strict=True)}
    with np.errstate(over="ignore", invalid="ignore"):  # found and listed by the check that follows
        means = {name: _mean(layer) for name, layer in frames.items()}
    return ClipFeatures(
        clip_id=entry.clip_id,
        frames=frames,
        global_mean=means,
        num_samples=round(layers.shape[1] * fields[0].frame_shift * SAMPLING_RATE),
        rms_db=UNHEARD_DB,
        audio_sha256=HASH + hashlib.sha256(np.ascontiguousarray(values).data).hexdigest(),
        clip={},
        source=entry.shown,
        source_bytes=stat[0],
        source_mtime_ns=stat[1],
    )


def _mean(layer: Array) -> Array:
    wide = layer if layer.dtype == np.float64 else layer.astype(np.float32, copy=False)
    mean: Array = wide.mean(axis=0).astype(np.float32)
    return mean
