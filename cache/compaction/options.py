"""The options of the laptop cache: how much of the frames it keeps, and how exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cache.common.errors import CacheError
from cache.common.option_fields import ONE_OR_MORE, ZERO_OR_MORE, check_options, option

DTYPES = ("float16", "int8")


@dataclass(frozen=True)
class CompactOptions:
    """What becomes of the frames; raises CacheError for values that cannot be."""

    pool: int = option(5, "Mean over so many frames.", within=ONE_OR_MORE)
    project: int = option(256, "Principal axes to keep; 0 for no projection.", within=ZERO_OR_MORE)
    dtype: str = option("int8", "int8 or float16.", choices=DTYPES)
    layers: str = option("last", "last, all, or numbers such as 6,12.")

    def __post_init__(self) -> None:
        check_options(self, CacheError)


def _names_in(text: str) -> list[str] | None:
    return [name.strip() for name in text.split(",") if name.strip()] or None


@dataclass(frozen=True)
class MeasureOptions:
    """Whether a compact cache is measured, and which columns of the table of clips the probe predicts."""

    measure: bool = option(True, "Measure what it costs.")
    targets: Sequence[str] | None = option(
        None, "Columns of --fit-on that the probe predicts, comma-separated.", shown="all numeric columns",
        typed=str, parse=_names_in,
    )  # fmt: skip
