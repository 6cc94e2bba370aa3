"""The columns of a table of frames: which has the clip's id, which the time, which are the features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cache.imports.values import UnreadableError

IDS = frozenset(
    {"clip_id", "clip", "id", "file", "filename", "file_name", "name", "utterance", "utt_id", "video"}
)
TIMES = ("timestamp", "time", "frametime", "frame_time", "start")
NO_FEATURES = frozenset(
    {"end", "segment_id", "segment", "frame", "frame_id", "index", "unnamed: 0", "", "class"}
)
NO_ID = "unknown"  # what openSMILE writes where it was given no name
MIXED_SECONDS = 10.0  # between two frames: what more is were no seconds


@dataclass(frozen=True)
class Columns:
    """Places of the columns of a table, from 0.

    Attributes:
        clip: of the id; None where the file is one clip.
        time: of the time stamp; None where there is none.
        features: of the features.
    """

    clip: int | None
    time: int | None
    features: tuple[int, ...]


def columns_of(names: Sequence[str]) -> Columns:
    """Tell the columns of a table by their names.

    Raises:
        UnreadableError: none of them are features.
    """
    plain = [name.strip().strip("'\"").lower() for name in names]
    clip = next((place for place, name in enumerate(plain) if name in IDS), None)
    time = next((plain.index(name) for name in TIMES if name in plain), None)
    features = tuple(
        place
        for place, name in enumerate(plain)
        if place not in (clip, time) and name not in NO_FEATURES and name not in TIMES
    )
    if not features:
        raise UnreadableError(f"no columns of features, found {', '.join(names)[:120]}")
    return Columns(clip, time, features)
