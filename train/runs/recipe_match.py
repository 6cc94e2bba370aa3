"""Whether a cache fits a finished head, by their recipes; a full cache stands in for its compact one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cache import CacheReader, Projection
from cache.compaction.projected_reader import ProjectedReader
from cache.format.recipe import as_block
from train.checksums import verified
from train.errors import RunError
from train.files import PROJECTION_FILE
from train.runs.run_folder import Run


def checked_recipe(run: Run, reader: CacheReader, allow: bool) -> tuple[str, ...]:
    """Return how the cache's recipe differs from the one the head was trained on; nothing where it fits.

    Raises:
        RunError: if it differs, and ``allow`` is off.
    """
    if run.recipe.same_values(reader.recipe) or run.recipe.is_made_from(reader.recipe):
        return ()
    diff = tuple(run.recipe.differences(reader.recipe))
    if not allow:
        raise RunError(
            f"{reader.path}: made with another recipe than the cache {run.path} was trained on "
            f"(trained -> found):{as_block(diff)}Use that cache, or go on with --allow-recipe-diff"
        )
    return diff


@contextmanager
def as_trained(run: Run, reader: CacheReader) -> Iterator[CacheReader]:
    """Give a reader of what the head was trained on: ``reader``, which stays open, or its projection.

    Raises:
        RunError: if the run has no projection of its own and needs one.
    """
    if run.recipe.same_values(reader.recipe) or not run.recipe.is_made_from(reader.recipe):
        yield reader
        return
    projection = projection_of(run, f"{reader.path} is the full cache")
    with ProjectedReader(reader.path, projection) as projected:
        yield projected


def projection_of(run: Run, why: str) -> Projection:
    """Return the projection that made the compact cache on which a head was trained.

    Args:
        run: keeps it.
        why: it is needed, for the message.

    Raises:
        RunError: if it is missing, or another one.
    """
    path = run.path / PROJECTION_FILE
    if not path.exists():
        raise RunError(f"{path}: is missing, and {why}; copy it from the compact one")
    projection = Projection.from_file(verified(path))
    if projection.sha256 != run.recipe.projection_sha256:
        raise RunError(f"{path}: not the projection that this head was trained with; restore it from a copy")
    return projection
