"""Where the labels of a fit are: the tables that a command was given, kept in a run to find them again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cache.common.option_fields import option

PATHS = ("train", "valid", "labels", "speakers")
COLUMNS = ("weights", "annotators")


def names_in(text: str) -> list[str] | None:
    """Return the names in a comma-separated option; None if there are none."""
    return [name.strip() for name in text.split(",") if name.strip()] or None


@dataclass(frozen=True)
class LabelFiles:
    """The label tables of a fit.

    Attributes:
        train: table of the training clips.
        valid: table of the validation clips.
        labels: folder of both, or a table with a split column.
        speakers: table of clip id and speaker.
        targets: names of the target columns; None takes all numeric ones.
        annotators: column that says who rated, in tables of one row per clip and annotator; None: a row per clip.
        weights: column of the weight that each training clip has in the loss; None: all count alike.
    """

    train: Path | None = option(None, "Label table of the training clips.")
    valid: Path | None = option(None, "Label table of the validation clips.")
    labels: Path | None = option(
        None, "Folder of train_split.csv and valid_split.csv, or a table with a split column."
    )
    speakers: Path | None = option(None, "Table clip_id,speaker.")
    targets: Sequence[str] | None = option(
        None,
        "Target columns, comma-separated; joy=a1|a2 for a mean of columns.",
        shown="all numeric columns",
        typed=str,
        parse=names_in,
    )

    weights: str | None = option(None, "Column of each training clip's weight in the loss.")
    annotators: str | None = option(None, "Column of who rated, in tables of a row per clip and annotator.")

    def to_dict(self) -> dict[str, Any]:
        """Return them as JSON values, paths made absolute."""
        paths = {name: getattr(self, name) for name in PATHS}
        values: dict[str, Any] = {name: str(path.resolve()) for name, path in paths.items() if path}
        values |= {"targets": list(self.targets)} if self.targets else {}
        return values | {name: getattr(self, name) for name in COLUMNS if getattr(self, name)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> LabelFiles:
        """Return the tables that ``to_dict`` described; what else is in ``values`` is left alone."""
        paths: dict[str, Any] = {name: Path(values[name]) for name in PATHS if values.get(name)}
        columns = {name: values[name] for name in COLUMNS if values.get(name)}
        return cls(**paths, targets=values.get("targets"), **columns)

    def moved_to(self, given: LabelFiles) -> LabelFiles:
        """Return these with what ``given`` names in its place; tables of labels are replaced together."""
        named = {name: value for name, value in vars(given).items() if value is not None}
        tables = ("train", "valid", "labels")
        cleared = dict.fromkeys(tables) if any(name in named for name in tables) else {}
        return replace(self, **{**cleared, **named})
