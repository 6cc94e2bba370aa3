"""How a fit claims a run folder: its own, empty, or replaced on demand; never another run's or another's files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cache.common.durable import fsync_folder, storage_errors
from train.checksums import read_json
from train.errors import RunError
from train.files import (
    CHECKSUMS_FILE,
    ENVIRONMENT_FILE,
    METRICS_FILE,
    lock_folder,
    make_folder,
    remove_leftovers,
    run_files,
    write_json,
)


@contextmanager
def keep_run_folder(out: Path) -> Iterator[None]:
    """Make ``out`` a folder that only this fit writes; nothing is made where no run may be.

    Raises:
        RunError: if another fit is writing it, or it holds other files.
    """
    _present(out)
    make_folder(out)
    with lock_folder(out, "another fit is writing this folder"):
        yield


def claim(out: Path, identity: Mapping[str, Any], overwrite: bool) -> bool:
    """Make ``out`` the folder of a fit, or find that it already is.

    Args:
        out: run folder.
        identity: what decides the result, in parts: config, cache recipe, labels.
        overwrite: whether a run in the folder may be replaced.

    Returns:
        Whether the folder holds the finished run of this very fit.

    Raises:
        RunError: if the folder holds another run, finished or not, or other files.
    """
    present = _present(out)
    if ENVIRONMENT_FILE in present and not overwrite:
        finished = is_finished(out, identity)
        remove_leftovers(out)
        if not finished:  # checksums of a fit that was stopped before its last file
            (out / CHECKSUMS_FILE).unlink(missing_ok=True)
        return finished
    make_folder(out)
    with storage_errors(out):
        remove_leftovers(out)
        for name in run_files(out):  # metrics.json first, so that a half-removed run is no finished one
            (out / name).unlink(missing_ok=True)
            if name == METRICS_FILE and name in present:
                fsync_folder(out)
    write_json(out / ENVIRONMENT_FILE, {"identity": identity})
    return False


def is_finished(out: Path, identity: Mapping[str, Any], *, replaceable: bool = True) -> bool:
    """Whether a folder holds the finished run of this very fit; nothing is written.

    Args:
        out: run folder, or where one will be.
        identity: as ``claim`` takes it.
        replaceable: whether the command has an ``--overwrite``, for the message.

    Raises:
        RunError: if the folder holds another run, finished or not, or other files.
    """
    present = _present(out)
    if ENVIRONMENT_FILE not in present:
        return False
    finished = METRICS_FILE in present
    parts = _differing(identity_in(out), identity)
    if parts:
        state = "a finished run" if finished else "an unfinished run"
        way = ", or replace it with --overwrite" if replaceable else ""
        raise RunError(
            f"{out}: holds {state} of another fit, different in {', '.join(parts)}; "
            f"give a new folder with --out{way}"
        )
    return finished


def identity_in(out: Path) -> dict[str, Any]:
    """Return what decided the run in a folder, in parts; empty where it does not say.

    Raises:
        RunError: if its ``environment.json`` is damaged.
    """
    found = read_json(out / ENVIRONMENT_FILE).get("identity")
    return found if isinstance(found, dict) else {}


def _present(out: Path) -> set[str]:
    """Return the names of what lies in a run folder; none if it is not there yet."""
    if out.exists() and not out.is_dir():
        raise RunError(f"{out}: is a file; give a folder with --out")
    # Hidden files are what a killed process left half written, or the system's.
    names = [entry.name for entry in out.iterdir()] if out.exists() else []
    present = {name for name in names if not name.startswith(".")}
    if present and ENVIRONMENT_FILE not in present:
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
