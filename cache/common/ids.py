"""Clip ids: what text may name a clip, and which id a piece of text means."""

from __future__ import annotations

import re
import unicodedata

from cache.common.errors import TableError

AUDIO_SUFFIXES = (".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a", ".aiff", ".aif")
VIDEO_SUFFIXES = (".mp4", ".mov", ".mkv", ".webm")
MEDIA_SUFFIXES = AUDIO_SUFFIXES + VIDEO_SUFFIXES
NO_ID = re.compile(r"[\x00-\x1f]|(?:^|/)\.{0,2}(?:/|$)")  # control characters; an empty part, "." or ".."


def is_clip_id(text: str) -> bool:
    """Say whether text is fit to name a clip: not empty, no absolute path, no ``..``, no control characters."""
    return not NO_ID.search(text)


def clip_id_from_text(text: str) -> str:
    """Return the clip id that ``text`` means; the one rule for sources and labels alike.

    Text stays text (``00042`` keeps its zeros), ``[58712]`` loses its brackets, a media suffix is cut,
    unicode is normalised (NFC), ``\\`` separates folders as ``/`` does.

    Raises:
        TableError: the text is empty, holds control characters, or would leave its folder.
    """
    clip_id = unicodedata.normalize("NFC", text).strip()
    if clip_id.startswith("[") and clip_id.endswith("]"):
        clip_id = clip_id[1:-1].strip().strip("'\"")
    clip_id = clip_id.replace("\\", "/").removeprefix("./")
    suffix = next((s for s in MEDIA_SUFFIXES if clip_id.lower().endswith(s)), "")
    clip_id = clip_id[: len(clip_id) - len(suffix)]
    if not is_clip_id(clip_id):
        raise TableError(
            f"{text!r} is no clip id: expected text such as 00042 or sub/00042, "
            "not empty, without '..', a leading '/' or control characters"
        )
    return clip_id
