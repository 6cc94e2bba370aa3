"""Which cached clips may sound otherwise now: another file, segment or channel than when they were extracted."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from cache.common.errors import CacheError, StorageError
from cache.common.progress import OnProgress
from cache.format import catalog, schema
from cache.format.record import CommitRecord
from cache.format.schema import SAMPLING_RATE
from cache.reader import CacheReader
from extract.audio.clip_length import used_samples
from extract.audio.decode import decode
from extract.audio.headers import Header, header_of
from extract.errors import ClipError
from extract.options import ExtractOptions
from extract.run.seen import SeenClip, remember, unchanged_clips
from extract.sources.clips import Sound, SourceClip, source_stat

FILE, SEGMENT = "file", "segment"  # why a clip may sound otherwise than when it was extracted
TOLERANCE = 0.1  # seconds by which a clip may miss the end that the source states: files end early


def touched_clips(
    clips: Mapping[str, SourceClip], records: Sequence[CommitRecord], out: Path, options: ExtractOptions
) -> dict[str, str]:
    """Return the committed clips that the source now describes otherwise than when they were extracted.

    Returns:
        Clip id → ``SEGMENT`` for another start, end, channel or name of the file, else ``FILE`` for a file of
        another size or time.
    """
    effective = {
        clip_id: record for clip_id, record in catalog.effective(records).items() if clip_id in clips
    }
    stats = {path: source_stat(path) for path in {clips[clip_id].path for clip_id in effective}}
    touched = {}
    for record in records:
        sources = record.content.sources
        for clip_id in record.clip_ids:
            if effective.get(clip_id) is not record or clip_id not in sources:
                continue
            known, now = sources[clip_id], stats[clips[clip_id].path]
            if not _same_source(known.path, clips[clip_id].source):
                touched[clip_id] = SEGMENT
            elif now is not None and now != (known.size, known.mtime_ns):
                touched[clip_id] = FILE
    return touched | dict.fromkeys(_moved(clips, list(effective), out, options), SEGMENT)


def _same_source(one: str, other: str) -> bool:
    """One file may be named relative to two folders; what one name ends with, the other does."""
    if one == other:
        return True
    one, other = posixpath.normpath(one), posixpath.normpath(other)
    return one == other or one.endswith("/" + other) or other.endswith("/" + one)


def _moved(
    clips: Mapping[str, SourceClip], cached: Sequence[str], out: Path, options: ExtractOptions
) -> list[str]:
    """Return the cached clips whose start or length is not what the source says."""
    if not cached:
        return []
    try:
        with CacheReader(out) as reader:
            starts = reader.clip_table(schema.CLIPS + "start", cached).tolist()
            samples = reader.clip_table(schema.CLIPS + "num_samples", cached).tolist()
    except CacheError:
        return []  # a damaged cache: verify's to list, and no reason to extract nothing more
    headers: dict[Sound, Header | ClipError] = {}
    moved = []
    for clip_id, start, num_samples in zip(cached, starts, samples, strict=True):
        clip = clips[clip_id]
        fits = not clip.segmented or _fits(clip, num_samples, options, headers)
        if abs(start - clip.start) > 1e-6 or not fits:
            moved.append(clip_id)
    return moved


def _fits(
    clip: SourceClip, num_samples: int, options: ExtractOptions, headers: dict[Sound, Header | ClipError]
) -> bool:
    """Say whether a clip of the source may have so many samples [16 kHz]."""
    max_seconds = options.max_seconds
    if clip.end is not None:
        expected = min(clip.end - clip.start, max_seconds or clip.end)
    elif max_seconds and num_samples >= round(max_seconds * SAMPLING_RATE):
        return True
    else:
        header = headers[clip.sound] = headers.get(clip.sound) or header_of(clip.sound, options.rules)
        expected = used_samples(clip, header, max_seconds) / SAMPLING_RATE
        if not expected:
            return True  # the file does not say how long it is
    return abs(num_samples / SAMPLING_RATE - expected) <= TOLERANCE


def changed_clips(
    clips: Mapping[str, SourceClip],
    touched: Sequence[str],
    out: Path,
    options: ExtractOptions,
    on_progress: OnProgress,
) -> list[str]:
    """Return those of the touched clips that sound different now: a copied file has a new time only.

    A clip that cannot be decoded any more counts as changed: it goes to the ledger, its old values stay.
    One that sounds as before is remembered, and not decoded again before its file or segment has changed.
    """
    unchanged = unchanged_clips(clips, touched, out)
    unseen = [clip_id for clip_id in touched if clip_id not in unchanged]
    changed: list[str] = []
    same: dict[str, SeenClip] = {}
    with CacheReader(out) as reader, ThreadPoolExecutor(options.workers, "compare") as pool:
        known = reader.clip_table(schema.CLIPS + "audio_sha256", unseen)
        decoded = pool.map(lambda clip_id: _seen_now(clips[clip_id], options), unseen)
        try:
            for number, (clip_id, before, now) in enumerate(zip(unseen, known, decoded, strict=True)):
                on_progress(number + 1, len(unseen))
                if now is not None and now.audio_sha256 == before:
                    same[clip_id] = now
                else:
                    changed.append(clip_id)
        finally:
            pool.shutdown(cancel_futures=True)
            with suppress(StorageError):  # a note saves time; it must not hide what ended the loop
                remember(out, same)
    return changed


def _seen_now(clip: SourceClip, options: ExtractOptions) -> SeenClip | None:
    try:
        audio = decode(clip, options.max_seconds, options.rules)
    except ClipError:
        return None
    return SeenClip.of(clip, audio.source_bytes, audio.source_mtime_ns, audio.sha256)
