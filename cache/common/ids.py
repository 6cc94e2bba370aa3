"""Clip ids: what text may name a clip, and which id a piece of text means."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property

from cache.common.errors import TableError

AUDIO_SUFFIXES = (".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a", ".aiff", ".aif")
VIDEO_SUFFIXES = (".mp4", ".mov", ".mkv", ".webm")
MEDIA_SUFFIXES = AUDIO_SUFFIXES + VIDEO_SUFFIXES
# The following are cut from the names of files, and from a text only where the id without them is known: a cache
# of an older version may have ids that end in them.
# Names that mean sound or video and nothing else: a broken file of theirs is a clip that failed. Others, such as
# .ts, .mod or .dat, mean many things; there the content alone decides.
SOUND_SUFFIXES = (
    ".3g2", ".3gp", ".3gpp", ".aac", ".ac3", ".aifc", ".amr", ".ape", ".asf", ".avi", ".awb", ".bwf", ".caf",
    ".dts", ".eac3", ".f4v", ".flv", ".g722", ".gsm", ".latm", ".m2ts", ".m4b", ".m4r", ".m4v", ".mka", ".mp2",
    ".mpeg", ".mpg", ".mts", ".mxf", ".oga", ".ogv", ".ogx", ".rf64", ".rmvb", ".sph", ".spx", ".tta", ".voc",
    ".vob", ".w64", ".weba", ".wma", ".wmv", ".wv",
)  # fmt: skip
AMBIGUOUS_SUFFIXES = (".au", ".dat", ".m2t", ".mod", ".mpa", ".mpga", ".nist", ".qt", ".ra", ".snd", ".ts")
BLANKS = " \t\r\n\u00a0\u3000\ufeff"  # around an id they say nothing; other white space is part of it
# Control characters (also those of 8 bits), what turns the direction of writing round, what ends a line in some
# programs, and halves of surrogate pairs.
UNPRINTABLE = r"\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
NO_ID = re.compile(rf"[{UNPRINTABLE}]|(?:^|/)\.{{0,2}}(?:/|$)")  # these; an empty part, "." or ".."


def is_clip_id(text: str) -> bool:
    """Say whether text is fit to name a clip: not empty, no absolute path, no ``..``, nothing unprintable."""
    return not NO_ID.search(text)


def clip_id_from_text(text: str) -> str:
    """Return the clip id that ``text`` means where nobody knows which there are; an id means itself.

    Text stays text (``00042`` keeps its zeros), ``[58712]`` loses its brackets, media suffixes are cut, all of
    them, unicode is normalised (NFC), ``\\`` separates folders as ``/`` does. Where it is known which clips there
    are, ``KnownIds`` says which of them a text means.

    Raises:
        TableError: the text is empty, holds control characters, or would leave its folder.
    """
    *_, clip_id = _meanings(text)
    return _checked(clip_id, text)


def clip_id_of_file(name: str) -> str:
    """Return the id of the clip in a file, from its path below the source's folder: the path without its suffix.

    One suffix is cut, no more: ``c1.mp4.wav`` holds the clip ``c1.mp4`` and may stand beside ``c1.wav``.

    Raises:
        TableError: no id can be made of it.
    """
    return _checked(_without_suffix(_normalised(name).removeprefix("./")), name)


class KnownIds:
    """The clip ids that there are, of a cache or a folder, to find the one that a text means.

    The exact text comes first, then the text with one media suffix less, and so on; at last the one id that the
    same rule makes the same of. Nothing else is ever matched: ``42`` is not ``00042``.
    """

    def __init__(self, ids: Iterable[str]) -> None:
        self.ids = frozenset(ids)

    @cached_property
    def _by_meaning(self) -> dict[str, list[str]]:
        meanings: dict[str, list[str]] = {}
        for clip_id in sorted(self.ids):
            *_, meaning = _meanings(clip_id)
            meanings.setdefault(meaning, []).append(clip_id)
        return meanings

    def find(self, text: str) -> str | None:
        """Return the id that ``text`` means, or None if there is none.

        Raises:
            TableError: it may mean several.
        """
        if text in self.ids:
            return text
        meanings = list(_meanings(text))
        stem, suffix = os.path.splitext(meanings[0])
        stems = [stem] if suffix.lower() in SOUND_SUFFIXES + AMBIGUOUS_SUFFIXES else []
        hit = next((meaning for meaning in [*meanings, *stems] if meaning in self.ids), None)
        if hit is not None:
            return hit
        alike = self._by_meaning.get(meanings[-1], [])
        if len(alike) > 1:
            raise TableError(f"{text!r} may mean the clips {', '.join(alike)}; write the one that is meant")
        return alike[0] if alike else None


def nearly_matching(missing: Sequence[str], known: Iterable[str]) -> str:
    """Say how many ids that are not there would be if something about them did not count, or nothing.

    Args:
        missing: ids that were looked for.
        known: ids that there are.
    """
    known, best = list(known), (0, "", "", "")
    for what, key in _NEAR:
        alike = {key(clip_id): clip_id for clip_id in known}
        hits = [clip_id for clip_id in missing if key(clip_id) in alike]
        if len(hits) > best[0]:
            best = (len(hits), what, hits[0], alike[key(hits[0])])
    if not best[0]:
        return ""
    count, what, ours, theirs = best
    return (
        f"; {count} of the {len(missing)} would match without {what} ({ours!r}, {theirs!r}), but ids are text"
    )


def _last(clip_id: str) -> str:
    return clip_id.rpartition("/")[2]


def without_zeros(clip_id: str) -> str:
    """Return an id as a spreadsheet leaves it that takes its parts for numbers: ``00042`` is ``42``."""
    return "/".join(part.lstrip("0") or "0" for part in clip_id.split("/"))


_NEAR: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("leading zeros", without_zeros),
    ("the folder", _last),
    ("upper case", str.casefold),
    ("the folder and leading zeros", lambda clip_id: without_zeros(_last(clip_id))),
    ("the folder and upper case", lambda clip_id: _last(clip_id).casefold()),
)


def _checked(clip_id: str, text: str) -> str:
    if not is_clip_id(clip_id):
        raise TableError(
            f"{text!r} is no clip id: expected text such as 00042 or sub/00042, not empty, "
            "without '..', a leading '/', control characters or marks of writing direction"
        )
    return clip_id


def _normalised(text: str) -> str:
    return unicodedata.normalize("NFC", text).strip(BLANKS).replace("\\", "/")


def _meanings(text: str) -> Iterator[str]:
    """Yield what text may mean: itself, normalised, then with less and less around it."""
    meaning = _normalised(text)
    yield meaning
    while (shorter := _shortened(meaning)) != meaning:
        meaning = shorter
        yield meaning


def _shortened(text: str) -> str:
    if text.startswith("[") and text.endswith("]"):
        return text[1:-1].strip(BLANKS).strip("'\"").strip(BLANKS)
    return _without_suffix(text.removeprefix("./")).strip(BLANKS)


def _without_suffix(text: str) -> str:
    suffix = next((suffix for suffix in MEDIA_SUFFIXES if text.lower().endswith(suffix)), "")
    return text[: len(text) - len(suffix)]
