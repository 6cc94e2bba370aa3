"""Where the labels of a fit are, in clips → extract → cache → train → intensities; kept to find them again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from train.labels.tables import Labels, Splits, read_splits

PATHS = ("train", "valid", "labels", "speakers")


@dataclass(frozen=True)
class LabelFiles:
    """The label tables that a command was given.

    Attributes:
        train: table of the training clips.
        valid: table of the validation clips.
        labels: folder of both, or a table with a split column.
        speakers: table of clip id and speaker.
        targets: names of the target columns; None takes all numeric ones.
    """

    train: Path | None = None
    valid: Path | None = None
    labels: Path | None = None
    speakers: Path | None = None
    targets: Sequence[str] | None = None

    def read(self) -> Splits:
        """Read them.

        Raises:
            LabelError: if they do not make two disjoint splits with the same targets.
            TableError: if a table cannot be understood.
        """
        return read_splits(self.train, self.valid, self.labels, self.speakers, self.targets)

    def to_dict(self) -> dict[str, Any]:
        """Return them as JSON values, paths made absolute."""
        paths = {name: getattr(self, name) for name in PATHS}
        values: dict[str, Any] = {name: str(path.resolve()) for name, path in paths.items() if path}
        return values | ({"targets": list(self.targets)} if self.targets else {})

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> LabelFiles:
        """Return the tables that ``to_dict`` described; what else is in ``values`` is left alone."""
        paths = {name: Path(values[name]) for name in PATHS if values.get(name)}
        return cls(**paths, targets=values.get("targets"))

    def moved_to(self, given: LabelFiles) -> LabelFiles:
        """Return these with what ``given`` names in its place; tables of labels are replaced together."""
        named = {name: value for name, value in vars(given).items() if value is not None}
        tables = ("train", "valid", "labels")
        cleared = dict.fromkeys(tables) if any(name in named for name in tables) else {}
        return replace(self, **{**cleared, **named})


def target_lines(*parts: Labels) -> list[str]:
    """Say which columns were taken as targets and which were not; nothing where the user named them."""
    first = parts[0]
    if first.named:
        return []
    lines = [f"{first.path}: targets (all numeric columns; --targets names others): {', '.join(first.names)}"]
    ignored = {part.path: part.ignored for part in parts if part.ignored}
    return lines + [f"{path}: not numeric, ignored: {', '.join(names)}" for path, names in ignored.items()]
