"""What made a cache, a run or a bundle: its recipe and its projection, read without torch or the run's own code.

A run keeps the recipe of the cache that it was trained on in the header of ``head.safetensors``: eight bytes of
length, then JSON, whose metadata hold one text under ``emi_fusion``. An ensemble or a cross-validation names its
runs in a list; all were trained on one recipe. A bundle is a zip file of the same files.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, NoReturn

from cache.common.console import in_one_line
from cache.common.errors import CacheError, DamagedCacheError
from cache.common.foreign_json import parse_json
from cache.common.storage.url_path import UrlPath, place
from cache.compaction.projection import FILE, MAX_FILE_BYTES, Projection
from cache.format import catalog
from cache.format.recipe import Recipe

HEAD = "head.safetensors"
LISTS = ("ensemble.json", "folds.json")
METADATA = "emi_fusion"
MAX_HEADER = 1 << 26  # bytes; a head of a hundred tensors has some thousands
DEEPEST = 2  # a fold of several seeds is a list within a list

Open = Callable[[str], IO[bytes]]  # raises KeyError or FileNotFoundError where there is no such file


@dataclass(frozen=True)
class Like:
    """What other clips must go through to be like those of a cache, or those that a head was trained on.

    Attributes:
        path: of the cache, the run or the bundle.
        recipe: of the cache, or of the cache that the head was trained on.
        projection: of a compact cache; None where the recipe has none.
    """

    path: Path
    recipe: Recipe
    projection: Projection | None


def read_like(path: Path | str) -> Like:
    """Read the recipe, and the projection, of a cache, a run, an ensemble, folds, or a bundle (.zip).

    Raises:
        CacheError: it is none of these.
        DamagedCacheError: it is damaged, or its projection is not the one that the recipe names.
    """
    path = place(path)
    if isinstance(path, UrlPath):  # where caches are, and no runs
        return _like_cache(path)
    if not path.exists():
        raise CacheError(f"{path}: no such file or folder; expected a cache, a run or a bundle")
    try:
        if path.is_file():
            with zipfile.ZipFile(path) as archive:
                return _like(path, archive.open)
        if (path / catalog.DESCRIPTION).exists():
            return _like_cache(path)
        return _like(path, lambda name: (path / name).open("rb"))
    except zipfile.BadZipFile:
        raise CacheError(f"{path}: no bundle; expected a .zip file that emi-train bundle wrote") from None
    except (
        OSError,
        ValueError,
        LookupError,
        TypeError,
        RuntimeError,
        zlib.error,
    ) as error:
        if isinstance(error, CacheError):
            raise
        raise DamagedCacheError(
            f"{path}: cannot be read as a run ({error}); restore it from a copy"
        ) from None


def _like_cache(path: Path) -> Like:
    recipe = catalog.read_description(path).recipe
    return Like(path, recipe, Projection.load(path) if recipe.projection_sha256 else None)


def _like(path: Path, open_file: Open) -> Like:
    folder = _first_run(path, open_file)
    recipe = _recipe_of(path, _bytes(open_file, folder / HEAD, _header_of))
    if recipe.projection_sha256 is None:
        return Like(path, recipe, None)
    data = _bytes(open_file, folder / FILE, lambda file: file.read(MAX_FILE_BYTES + 1))
    if data is None:
        raise CacheError(f"{path}: {folder / FILE} is missing; copy it from the compact cache")
    projection = Projection.from_bytes(data, path / folder / FILE)
    if projection.sha256 != recipe.projection_sha256:
        raise DamagedCacheError(f"{path / folder / FILE}: not the projection its recipe names; restore it")
    return Like(path, recipe, projection)


def _first_run(path: Path, open_file: Open) -> PurePosixPath:
    """Return the folder of the first head, relative to ``path``."""
    folder = PurePosixPath()
    for _ in range(DEEPEST):
        listed = next(
            (data for name in LISTS if (data := _bytes(open_file, folder / name, _text_of)) is not None), None
        )
        if listed is None:
            break
        first: Any = parse_json(listed)["runs"][0]
        name = first["run"] if isinstance(first, dict) else first
        if not isinstance(name, str) or PurePosixPath(name).name != name or name == "..":
            raise ValueError(f"a list that names {name!r:.60}, which is no run of this folder")
        folder /= name
    if _bytes(open_file, folder / HEAD, lambda file: file.read(8)) is None:
        _refuse(path)
    return folder


def _refuse(path: Path) -> NoReturn:
    raise CacheError(
        f"{path}: found neither {catalog.DESCRIPTION} nor {HEAD} in it; expected a cache, a run or a bundle"
    )


def _bytes(open_file: Open, name: PurePosixPath, take: Callable[[IO[bytes]], bytes]) -> bytes | None:
    """Return what is taken of a file; None where there is none."""
    try:
        with open_file(name.as_posix()) as file:
            return take(file)
    except (KeyError, FileNotFoundError):
        return None


def _text_of(file: IO[bytes]) -> bytes:
    return file.read(MAX_HEADER)


def _header_of(file: IO[bytes]) -> bytes:
    size = int.from_bytes(file.read(8), "little")
    if size > MAX_HEADER:
        raise ValueError(f"a header of {size} bytes, expected at most {MAX_HEADER}")
    return file.read(size)


def _recipe_of(path: Path, header: bytes | None) -> Recipe:
    if header is None:
        _refuse(path)
    values = parse_json(parse_json(header)["__metadata__"][METADATA])
    if "recipe" not in values and isinstance(streams := values.get("streams"), dict):
        raise CacheError(
            f"{path}: its head hears several streams ({', '.join(map(in_one_line, streams))}), each through an "
            "encoder of its own; make a cache for each with --like its training cache, and give all of them to "
            "emi-train predict"
        )
    recipe = values["recipe"]
    if not isinstance(recipe, dict):
        raise ValueError("its head names no recipe")
    return Recipe(recipe)
