"""When each piece of a text was said: known words keep their times, what was mended lies between them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from extract.transcripts.transcript import Transcript, Word

# Scripts that set no blanks between words: each sign is a unit of its own.
SIGNS = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
UNIT = re.compile(rf"[{SIGNS}]|[^\s{SIGNS}]+")
MOST_PAIRS = 10**7  # of words that are all compared
EDGES = re.compile(r"^[\W_]+|[\W_]+$")


@dataclass(frozen=True)
class Unit:
    """A word of a text, or a sign where words are not set apart: where it stands [characters] and when [s]."""

    begin: int
    stop: int
    start: float
    end: float


@dataclass(frozen=True)
class TimedText:
    """A text's units in their order.

    Attributes:
        units: they touch neither each other nor blanks.
        estimated: how many of them stand between known words, or were spread over the clip: their own times
            are not known.
        late: how many words were said to lie beyond the clip, and count as at its end.
    """

    units: tuple[Unit, ...]
    estimated: int
    late: int

    @property
    def end(self) -> float:
        """When the last unit ends [s]."""
        return self.units[-1].end if self.units else 0.0


@dataclass
class _Slot:
    key: str
    begin: int
    stop: int
    start: float | None = None
    end: float | None = None


def timed(transcript: Transcript) -> TimedText:
    """Return when each word of a transcript was said.

    Words of the text that stand among the known ones, in order, case and punctuation aside, have their times.
    Others, as of a text that was mended, share the time between their neighbours by their length; without any
    known word all share the clip, and where its length is not known either, all stand at 0 s.
    """
    slots = [_Slot(_key(m.group()), m.start(), m.end()) for m in UNIT.finditer(transcript.text)]
    known, late = _known(transcript.words, transcript.duration)
    _match(slots, known)
    estimated = sum(slot.start is None for slot in slots)
    last = known[-1].end if known and known[-1].end is not None else 0.0
    _fill(slots, transcript.duration if transcript.duration is not None else last)
    return TimedText(tuple(map(_unit, slots)), estimated, late)


def _key(text: str) -> str:
    return EDGES.sub("", text).casefold() or text


def _known(words: Sequence[Word], duration: float | None) -> tuple[list[_Slot], int]:
    """Return the units of the known words, each with its share of the word's time, none beyond the clip."""
    slots: list[_Slot] = []
    late, before = 0, 0.0
    for word in words:
        late += duration is not None and word.end > duration
        limit = duration if duration is not None else max(word.start, word.end)
        start = min(max(word.start, before, 0.0), max(limit, before))
        end = min(max(word.end, start), max(limit, start))
        parts = list(UNIT.finditer(word.text))
        letters = sum(len(part.group()) for part in parts)
        done = 0
        for part in parts:
            share = (end - start) / letters
            first, done = done, done + len(part.group())
            times = start + share * first, start + share * done
            slots.append(_Slot(_key(part.group()), 0, 0, *times))
        before = start
    return slots, late


def _match(slots: list[_Slot], known: list[_Slot]) -> None:
    """Give the units of a text the times of the known units that they are."""
    ours, theirs = [slot.key for slot in slots], [slot.key for slot in known]
    for mine, other, size in _blocks(ours, theirs):
        for slot, twin in zip(slots[mine : mine + size], known[other : other + size], strict=True):
            slot.start, slot.end = twin.start, twin.end


def _blocks(ours: Sequence[str], theirs: Sequence[str]) -> list[tuple[int, int, int]]:
    """Return (place in ours, place in theirs, length) of what both have, in order.

    What both begin and end with comes first, so that a word mended in a text of thousands takes no longer; in
    what is left between, words that stand everywhere are passed over where it is long: comparing each with each
    would take minutes where somebody says one word ten thousand times.
    """
    shorter = min(len(ours), len(theirs))
    head = next((i for i in range(shorter) if ours[i] != theirs[i]), shorter)
    rest = shorter - head
    tail = next((i for i in range(rest) if ours[-1 - i] != theirs[-1 - i]), rest)
    mine, other = ours[head : len(ours) - tail], theirs[head : len(theirs) - tail]
    matcher = SequenceMatcher(None, mine, other, autojunk=len(mine) * len(other) > MOST_PAIRS)
    inner = [(head + block.a, head + block.b, block.size) for block in matcher.get_matching_blocks()]
    return [(0, 0, head), *inner, (len(ours) - tail, len(theirs) - tail, tail)]


def _fill(slots: list[_Slot], end: float) -> None:
    """Spread the units without times over the time between those that have one, by their length."""
    position = 0
    while position < len(slots):
        if slots[position].start is not None:
            position += 1
            continue
        stop = position
        while stop < len(slots) and slots[stop].start is None:
            stop += 1
        before = (slots[position - 1].end or 0.0) if position else 0.0
        after = slots[stop].start if stop < len(slots) else max(end, before)
        length = max(0.0, (after or 0.0) - before)
        letters = sum(slot.stop - slot.begin for slot in slots[position:stop])
        done = 0
        for slot in slots[position:stop]:
            slot.start = before + length * done / letters
            done += slot.stop - slot.begin
            slot.end = before + length * done / letters
        position = stop


def _unit(slot: _Slot) -> Unit:
    return Unit(slot.begin, slot.stop, slot.start or 0.0, slot.end or 0.0)
