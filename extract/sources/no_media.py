"""The files of a source that are no sound and no video: counted by kind, and named once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from cache.common.words import counted

HIDDEN, HIDDEN_FOLDER = "hidden", "hidden folder"
MAX_KINDS = 8
MAX_NAMES = 2  # of each kind


@dataclass
class NoMedia:
    """Files that were passed over.

    Attributes:
        kinds: suffix, or what else they are → how many.
        names: the same → the first of their names.
    """

    kinds: Counter[str] = field(default_factory=Counter)
    names: dict[str, list[str]] = field(default_factory=dict)

    def add(self, kind: str, name: str) -> None:
        """Count one file; folders that are hidden count as one."""
        self.kinds[kind] += 1
        first = self.names.setdefault(kind, [])
        if len(first) < MAX_NAMES:
            first.append(name)

    @classmethod
    def joined(cls, parts: Iterable[NoMedia]) -> NoMedia:
        """Return the files of several sources together."""
        whole = cls()
        for part in parts:
            whole.kinds.update(part.kinds)
            for kind, names in part.names.items():
                whole.names[kind] = [*whole.names.get(kind, []), *names][:MAX_NAMES]
        return whole

    @property
    def files(self) -> int:
        """How many files; what lies in a hidden folder is not looked at."""
        return self.kinds.total() - self.kinds[HIDDEN_FOLDER]

    def lines(self) -> list[str]:
        """Return what to say of them: a line, or none where there are none."""
        said = [f"{count} {kind} ({', '.join(self._examples(kind))})" for kind, count in self._most_common()]
        folders = self.kinds[HIDDEN_FOLDER]
        lines = []
        if said:
            rest = len(self.kinds) - bool(folders) - len(said)
            more = f", {rest} more kinds" if rest else ""
            verb = "file is" if self.files == 1 else "files are"
            lines.append(f"{self.files} {verb} no media: {', '.join(said)}{more}")
        if folders:
            names = ", ".join(self._examples(HIDDEN_FOLDER))
            lines.append(f"{counted(folders, 'hidden folder')} not looked into: {names}")
        return lines

    def as_json(self) -> dict[str, Any]:
        """Return the counts ready for JSON."""
        return {"files": self.files, "kinds": dict(sorted(self.kinds.items())), "names": self.names}

    def _most_common(self) -> list[tuple[str, int]]:
        kinds = sorted(self.kinds.items(), key=lambda item: (-item[1], item[0]))
        return [(kind, count) for kind, count in kinds if kind != HIDDEN_FOLDER and count][:MAX_KINDS]

    def _examples(self, kind: str) -> list[str]:
        more = self.kinds[kind] > len(self.names[kind])
        return [*self.names[kind], *(["…"] if more else [])]
