"""The layouts of features that can be imported: a new one is a module with its reader, and a line here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from cache.common.errors import CacheError
from cache.common.registry import Registry

if TYPE_CHECKING:  # with numpy, which no help text needs
    from cache.imports.part import Part

Reader = Callable[
    [Path, str | None], "Iterable[Part]"
]  # of a file, and the key of the array that is asked for

LAYOUTS: Registry[Reader] = Registry("layout", CacheError)
LAYOUTS.add(
    "npy",
    "cache.imports.layouts.npy:parts",
    "an array a file; with a file .lengths beside it, many clips in one",
)
LAYOUTS.add("npz", "cache.imports.layouts.npz:parts", "an array a clip, or a file a clip")
LAYOUTS.add(
    "pickle",
    "cache.imports.layouts.trees:parts",
    "pickle.dump or torch.save: an array a file, or a dict of clips",
)
LAYOUTS.add("hdf5", "cache.imports.layouts.datasets:parts", "a dataset a clip, or a group a clip")
LAYOUTS.add(
    "csv", "cache.imports.layouts.csv_rows:parts", "a row a frame; with a column of ids, many clips in one"
)
LAYOUTS.add("parquet", "cache.imports.layouts.parquet:parts", "the same as csv; needs pyarrow")

SUFFIXES = {
    ".npy": "npy",
    ".npz": "npz",
    **dict.fromkeys((".pkl", ".pickle", ".p", ".pt", ".pth"), "pickle"),
    **dict.fromkeys((".h5", ".hdf5", ".hdf", ".csd"), "hdf5"),
    **dict.fromkeys((".csv", ".tsv"), "csv"),
    ".parquet": "parquet",
}


def layout_of(path: Path) -> str | None:
    """Return the layout that a file's suffix names; None for a file that holds no features."""
    return SUFFIXES.get(path.suffix.lower())
