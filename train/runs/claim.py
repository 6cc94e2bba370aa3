"""How a fit claims a run folder: its own, empty, or replaced on demand; never another run's or another's files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from cache.common.durable import fsync_folder, storage_errors
from train.checksums import read_json
from train.errors import RunError
from train.files import (
    CHECKPOINT_FILE,
    CHECKSUMS_FILE,
    ENVIRONMENT_FILE,
    METRICS_FILE,
    RUN_FILES,
    STREAM_PROJECTIONS,
    lock_folder,
    make_folder,
    remove_leftovers,
    write_json,
)


class Kept(NamedTuple):
    """What a kind of folder is known by.

    Attributes:
        marker: file that holds what decided its content.
        files: of it, in the order in which one that is replaced loses them: ``metrics.json`` first.
        others: pattern of the names of further files that it may have.
    """

    marker: str
    files: tuple[str, ...]
    others: str = ""

    def files_in(self, out: Path) -> list[str]:
        """Return the names of the files that such a folder may have, with the others that are there."""
        return [*self.files, *(sorted(path.name for path in out.glob(self.others)) if self.others else ())]


RUN = Kept(ENVIRONMENT_FILE, RUN_FILES, STREAM_PROJECTIONS)


@contextmanager
def keep_run_folder(out: Path, kept: Kept = RUN) -> Iterator[None]:
    """Make ``out`` a folder that only this fit writes; nothing is made where no run may be.

    Raises:
        RunError: if another fit is writing it, or it holds other files.
    """
    _present(out, kept)
    make_folder(out)
    with lock_folder(out, "another fit is writing this folder"):
        yield


def claim(out: Path, identity: Mapping[str, Any], overwrite: bool, kept: Kept = RUN) -> bool:
    """Make ``out`` the folder of a fit, or find that it already is.

    Args:
        out: run folder.
        identity: what decides the result, in parts: config, cache recipe, labels.
        overwrite: whether a run in the folder may be replaced.
        kept: the kind of folder.

    Returns:
        Whether the folder holds the finished run of this very fit.

    Raises:
        RunError: if the folder holds another run, finished or not, or other files.
    """
    present = _present(out, kept)
    if kept.marker in present and not overwrite:
        finished = is_finished(out, identity, kept=kept)
        remove_leftovers(out)
        # Of a fit that was stopped before its last file, checksums; of one stopped right after it, the checkpoint.
        (out / (CHECKPOINT_FILE if finished else CHECKSUMS_FILE)).unlink(missing_ok=True)
        return finished
    make_folder(out)
    with storage_errors(out):
        remove_leftovers(out)
        for name in kept.files_in(out):  # metrics.json first, so that a half-removed run is no finished one
            (out / name).unlink(missing_ok=True)
            if name == METRICS_FILE and name in present:
                fsync_folder(out)
    write_json(out / kept.marker, {"identity": identity})
    return False


def is_finished(
    out: Path, identity: Mapping[str, Any], *, replaceable: bool = True, kept: Kept = RUN
) -> bool:
    """Whether a folder holds the finished run of this very fit; nothing is written.

    Args:
        out: run folder, or where one will be.
        identity: as ``claim`` takes it.
        replaceable: whether the command has an ``--overwrite``, for the message.
        kept: the kind of folder.

    Raises:
        RunError: if the folder holds another run, finished or not, or other files.
    """
    present = _present(out, kept)
    if kept.marker not in present:
        return False
    finished = METRICS_FILE in present
    parts = _differing(identity_in(out, kept), identity)
    if parts:
        state = "a finished run" if finished else "an unfinished run"
        way = ", or replace it with --overwrite" if replaceable else ""
        raise RunError(
            f"{out}: holds {state} of another fit, different in {', '.join(parts)}; "
            f"give a new folder with --out{way}"
        )
    return finished


def identity_in(out: Path, kept: Kept = RUN) -> dict[str, Any]:
    """Return what decided the run in a folder, in parts; empty where it does not say.

    Raises:
        RunError: if its marker, of a run ``environment.json``, is damaged.
    """
    found = read_json(out / kept.marker).get("identity")
    return found if isinstance(found, dict) else {}


def _present(out: Path, kept: Kept) -> set[str]:
    """Return the names of what lies in a run folder; none if it is not there yet."""
    if out.exists() and not out.is_dir():
        raise RunError(f"{out}: is a file; give a folder with --out")
    # Hidden files are what a killed process left half written, or the system's.
    names = [entry.name for entry in out.iterdir()] if out.exists() else []
    present = {name for name in names if not name.startswith(".")}
    if present and kept.marker not in present:
        raise RunError(f"{out}: holds files that are no run; give a new folder with --out")
    return present


def _differing(found: Mapping[str, Any], identity: Mapping[str, Any]) -> list[str]:
    parts = [part for part in identity if found.get(part) != identity[part]]
    if "config" in parts:
        config = found.get("config")
        old, new = config if isinstance(config, dict) else {}, identity["config"]
        names = [*new, *(name for name in old if name not in new)]
        fields = [f"{n} {old.get(n)!r} → {new.get(n)!r}" for n in names if old.get(n) != new.get(n)]
        parts[parts.index("config")] = f"config ({', '.join(fields)})"
    return parts
