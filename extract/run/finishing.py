"""What the encoder returned becomes what may enter the cache: checked, and cast to the stored dtypes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cache.commit.failures import REASONS, Failure
from cache.common.errors import InvalidValueError
from cache.format.schema import FrameField
from cache.shards.arrays import ClipFeatures, check_clip
from extract.audio.cut import Audio
from extract.encoders.base import Encoded
from extract.sources.clips import SourceClip


def finish(
    clip: SourceClip, audio: Audio, encoded: Encoded, fields: Sequence[FrameField]
) -> ClipFeatures | Failure:
    """Return the clip's features cast to the stored dtypes, or why they must not enter the cache."""
    features = ClipFeatures(
        clip_id=clip.clip_id,
        frames=encoded.frames,
        global_mean=encoded.global_mean,
        clip=encoded.clip,
        num_samples=len(audio.samples),
        rms_db=audio.rms_db,
        audio_sha256=audio.sha256,
        source=clip.source,
        source_bytes=audio.source_bytes,
        source_mtime_ns=audio.source_mtime_ns,
        start=clip.start,
        cut=audio.cut,
        windowed=encoded.windowed,
        notes=audio.notes,
    )
    return checked(features, fields, clip.shown)


def checked(features: ClipFeatures, fields: Sequence[FrameField], shown: str) -> ClipFeatures | Failure:
    """Return features cast to the stored dtypes, or why they must not enter the cache; ``shown`` is their file."""
    dtypes = {field.name: field.dtype for field in fields}
    try:
        check_clip(features, fields)
        return replace(features, frames={name: v.astype(dtypes[name]) for name, v in features.frames.items()})
    except InvalidValueError as error:
        if error.reason not in REASONS:
            raise
        return Failure(features.clip_id, shown, "encode", error.reason, str(error))
    except MemoryError:
        message = "its features do not fit the memory"
        return Failure(features.clip_id, shown, "encode", "out_of_memory", message)
