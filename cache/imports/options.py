"""What the user says of features that come from elsewhere, declared once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from cache.common.errors import CacheError
from cache.common.gate import is_array_name
from cache.common.option_fields import ONE_OR_MORE, POSITIVE, check_options, option
from cache.imports.registry import LAYOUTS
from cache.shards.registry import DEFAULT, STORES

AUTO, HALF, SINGLE = "auto", "float16", "float32"
UNITS = {"s": 1.0, "ms": 0.001}
VAD = "vad"
HIDDEN_STATES = (
    "hidden_states/"  # as cache/format/schema.py has it, which loads numpy: no help text needs that
)
MAX_LAYERS = 100


@dataclass(frozen=True)
class ImportOptions:
    """How the features of a source are understood.

    Raises:
        CacheError: an option has no such value, or two of them do not go together.
    """

    layout: str | None = option(
        None, "Take files of this layout only; by default told by suffix and content.", choices=LAYOUTS
    )
    key: str | None = option(None, "Which of several arrays of a clip to take, such as audio or features.")
    encoder: str = option("", "What made the features, in your words; kept in the recipe.")
    layer: str | None = option(
        None, "The encoder's layer, such as 12; of arrays (layers, frames, width) all of them: 0-12 or 6,12."
    )
    name: str = option("features", "Name of the frame field, where --layer gives none.")
    frame_shift: float | None = option(
        None,
        "Seconds between two frames.",
        within=POSITIVE,
        shown="that of the time stamps; a vector a clip needs none",
    )
    time_unit: str = option("s", "Unit of a table's time stamps.", choices=UNITS)
    dtype: str = option(
        AUTO, "float16, float32, or auto: float16 where all is.", choices=(AUTO, HALF, SINGLE)
    )
    width: int | None = option(
        None,
        "Numbers of a frame; others are listed as failures.",
        within=ONE_OR_MORE,
        shown="that of most clips",
    )
    segments: Path | None = option(
        None, "Table of clips that are parts of recordings: an id, source, start and end [s] of each."
    )
    keep_folders: bool = option(
        False, "Leave train/, valid/ and the like in the ids, where they are folders of the source."
    )
    backend: str = option(DEFAULT, "Back end of a new cache: hdf5 or zarr.", choices=STORES)
    shard_mb: float = option(64.0, "Target size of a shard [10^6 bytes], of a new cache.", within=POSITIVE)

    def __post_init__(self) -> None:
        check_options(self, CacheError)
        if self.layer is None and (
            not is_array_name(self.name) or self.name == VAD or self.name.startswith(HIDDEN_STATES)
        ):
            raise CacheError(
                f"--name: found {self.name!r}, expected letters, digits, '_' and '-', neither {VAD} nor "
                f"{HIDDEN_STATES}…; --layer names encoder layers"
            )
        _ = self.layers

    @property
    def layers(self) -> tuple[int, ...]:
        """Numbers of the layers, in the order of the arrays' first axis; empty where none is named.

        Raises:
            CacheError: they are no numbers, or one stands twice.
        """
        if self.layer is None:
            return ()
        parts = [re.fullmatch(r"(\d{1,4})(?:-(\d{1,4}))?", part.strip()) for part in self.layer.split(",")]
        if all(parts):
            spans = [(int(part[1]), int(part[2] or part[1])) for part in parts if part]
            layers = tuple(number for first, last in spans for number in range(first, last + 1))
            if 0 < len(layers) == len(set(layers)) <= MAX_LAYERS:
                return layers
        raise CacheError(f"--layer: found {self.layer!r}, expected a number, or several as in 0-12 or 6,9,12")

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the frame fields."""
        return tuple(f"{HIDDEN_STATES}{layer}" for layer in self.layers) or (self.name,)
