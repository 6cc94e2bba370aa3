"""Of the files that a program leaves side by side for a clip, such as JSON, srt and txt, the one that counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cache.common.console import in_one_line
from cache.common.words import counted
from extract.errors import SourceError
from extract.transcripts.transcript import Transcript

ORDER = (".json", ".vtt", ".srt", ".tsv", ".txt")  # the earlier, the more a form can say
SHOWN = 5  # names in a line


@dataclass
class Passed:
    """What was passed over, of all clips of a source.

    Attributes:
        forms: (the form that was taken, all there are) → clips.
        contrary: ids of clips whose other files say other words.
        broken: files that cannot be read, of clips of which another can.
    """

    forms: Counter[tuple[str, tuple[str, ...]]] = field(default_factory=Counter)
    contrary: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def lines(self) -> tuple[str, ...]:
        """Return what to say of it, a line each."""
        lines = [
            f"{counted(clips, 'clip')} with {', '.join(forms)} side by side: {taken} is taken"
            for (taken, forms), clips in sorted(self.forms.items())
        ]
        if self.contrary:
            lines.append(
                f"of {counted(len(self.contrary), 'clip')} other files say other words: {_named(self.contrary)}; "
                "remove those that are not to count"
            )
        if self.broken:
            lines.append(f"passed over, not readable: {_named(self.broken)}")
        return tuple(lines)


def require_one_of_a_form(clip_id: str, paths: Sequence[Path]) -> None:
    """Refuse two files of one form for one clip: nobody knows which of them counts.

    Raises:
        SourceError: there are two.
    """
    first: dict[str, Path] = {}
    for path in paths:
        other = first.setdefault(path.suffix.lower(), path)
        if other != path:
            raise SourceError(f"clip {clip_id} has two transcripts, in {other} and {path}; keep one")


def choose(read: Sequence[Transcript], passed: Passed) -> Transcript:
    """Return the transcript of a clip that counts: the first that says when, else the first that says anything.

    Args:
        read: what each of its files says, in the order of their forms in ``ORDER``; at least one.
        passed: notes the others.
    """
    spoken = [each for each in read if each.has_speech]
    taken = next((each for each in read if each.words), spoken[0] if spoken else read[0])
    if len(read) > 1:
        passed.forms[form(taken.path), tuple(form(each.path) for each in read)] += 1
        if len({_letters(each.text) for each in read}) > 1:
            passed.contrary.append(taken.clip_id)
    return taken


def form(path: Path) -> str:
    """Return the form of a file: its suffix in small letters, without the dot."""
    return path.suffix.lower()[1:]


def _letters(text: str) -> str:
    """Return what is said: how it is cut into lines, and punctuation, are no other words."""
    return "".join(letter for letter in text.casefold() if letter.isalnum())


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(map(in_one_line, names[:SHOWN])) + more
