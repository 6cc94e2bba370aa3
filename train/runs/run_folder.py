"""The run folder: what it holds, how a fit claims it, how it is loaded.

config.json       the FitConfig; fits ``--config``
environment.json  versions, threads, device, label files' sha256, cache recipe: written first
head.safetensors  the head, with all that ``predict`` needs to know in its metadata
history.csv       one row per epoch
predictions.csv   the validation clips, in the label file's columns
clips.csv         which clips were trained on, chose the epoch, were reported on
audit.json        what could make the scores too good: passed, failed or not checked
coverage.json     labelled clips that the cache does not hold, and the other way round
metrics.json      scores: written last, it marks the run as finished
projection.npz    how a compact cache was made from the full one, if the head was fitted on a compact one
checkpoint.safetensors  only while unfinished

An ensemble's folder holds one run a seed and ensemble.json, which names them.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cache.common.durable import storage_errors
from cache.common.table_text.cells import plain_cell
from cache.format.recipe import Recipe
from train.config import FitConfig
from train.errors import ConfigError, RunError
from train.files import (
    CLIPS_FILE,
    CONFIG_FILE,
    ENSEMBLE_FILE,
    ENVIRONMENT_FILE,
    HEAD_FILE,
    METRICS_FILE,
    RUN_FILES,
    lock_folder,
    read_json,
    remove_leftovers,
    write_json,
)
from train.heads.head import FusionHead, HeadShape
from train.runs.tensors import read_tensors, write_tensors

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Targets:
    """The intensities a head was trained on.

    Attributes:
        id_column: what the training label file calls its ids.
        names: what it calls the targets.
        mean: (targets,) of the training labels.
        low: (targets,) smallest training label.
        high: (targets,) largest training label.
    """

    id_column: str
    names: tuple[str, ...]
    mean: FloatArray
    low: FloatArray
    high: FloatArray

    @classmethod
    def of(cls, id_column: str, names: tuple[str, ...], labels: FloatArray) -> Targets:
        """Describe training labels (clips, targets)."""
        return cls(id_column, names, labels.mean(0), labels.min(0), labels.max(0))

    def clipped(self, predictions: FloatArray) -> FloatArray:
        """Return predictions (clips, targets) brought into the range of the training labels."""
        return np.clip(predictions, self.low, self.high)


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes:
        path: its folder.
        config: what it was fitted with.
        head: the head, in evaluation mode, on the CPU.
        targets: names and training statistics of its outputs.
        recipe: recipe of the cache it was trained on.
        layer: encoder layer that was used; None for a cache without layers.
        metrics: content of ``metrics.json``.
        others: the other runs of an ensemble: predictions are the mean over all of them.
    """

    path: Path
    config: FitConfig
    head: FusionHead
    targets: Targets
    recipe: Recipe
    layer: int | None
    metrics: dict[str, Any]
    others: tuple[Run, ...] = ()

    def trained_on(self) -> set[str] | None:
        """Return the ids of the clips that shaped this head: trained on, or used to choose the epoch.

        None if it is not known: a bundle names no clip.
        """
        if not (self.path / CLIPS_FILE).exists():
            return None
        with (self.path / CLIPS_FILE).open(encoding="utf-8", newline="") as file:
            mine = {plain_cell(row["clip_id"]) for row in csv.DictReader(file) if row["part"] != "valid"}
        for other in self.others:
            theirs = other.trained_on()
            if theirs is None:
                return None
            mine |= theirs
        return mine


def save_head(path: Path, head: FusionHead, targets: Targets, described: Mapping[str, Any]) -> None:
    """Write a head with what ``load_run`` needs to use it.

    Args:
        path: of the safetensors file.
        head: to save.
        targets: names and training statistics of its outputs.
        described: further JSON values: config, recipe, recipe_id, layer.
    """
    values = {
        "format": 1,
        "head": head.shape.to_dict(),
        "targets": {name: getattr(targets, name) for name in Targets.__dataclass_fields__},
        **described,
    }
    write_tensors(path, head.state_dict(), values)


def load_run(path: Path | str) -> Run:
    """Load a finished run, or an ensemble of them.

    Raises:
        RunError: if the folder holds no finished run.
    """
    path = Path(path)
    if (path / ENSEMBLE_FILE).exists():
        return _load_ensemble(path)
    if not path.is_dir():
        raise RunError(f"{path}: no such run folder; emi-train fit writes one")
    if not (path / METRICS_FILE).exists():
        hint = (
            "run the same fit again to finish it"
            if (path / CONFIG_FILE).exists()
            else "emi-train fit writes one"
        )
        raise RunError(f"{path}: not a finished run ({METRICS_FILE} is missing); {hint}")
    tensors, values = read_tensors(path / HEAD_FILE)
    try:
        head = FusionHead(HeadShape(**values["head"]))
        head.load_state_dict(tensors)
        targets = {
            name: np.array(values["targets"][name], dtype=np.float64) for name in ("mean", "low", "high")
        }
        names = Targets(values["targets"]["id_column"], tuple(values["targets"]["names"]), **targets)
        config, layer = FitConfig.from_dict(values["config"]), values["layer"]
        recipe = Recipe(**values["recipe"])
    except (KeyError, TypeError, RuntimeError, ConfigError) as error:
        raise RunError(f"{path / HEAD_FILE}: not a head this version knows ({error})") from None
    return Run(path, config, head.eval(), names, recipe, layer, read_json(path / METRICS_FILE))


def _load_ensemble(path: Path) -> Run:
    names = read_json(path / ENSEMBLE_FILE).get("runs") or []
    if not names or any(Path(name).name != name for name in names):
        raise RunError(f"{path / ENSEMBLE_FILE}: names no runs of this folder")
    first, *others = (load_run(path / name) for name in names)
    return replace(first, path=path / names[0], others=tuple(others))


@contextmanager
def keep_run_folder(out: Path) -> Iterator[None]:
    """Make ``out`` a folder that only this fit writes; nothing is made where no run may be.

    Raises:
        RunError: if another fit is writing it, or it holds other files.
    """
    _present(out)
    with storage_errors(out):
        out.mkdir(parents=True, exist_ok=True)
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
        return finished
    with storage_errors(out):
        out.mkdir(parents=True, exist_ok=True)
        remove_leftovers(out)
        for name in RUN_FILES:  # metrics.json first, so that a half-removed run is no finished one
            (out / name).unlink(missing_ok=True)
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
    found = read_json(out / ENVIRONMENT_FILE).get("identity", {})
    finished = METRICS_FILE in present
    parts = _differing(found, identity)
    if parts:
        state = "a finished run" if finished else "an unfinished run"
        way = ", or replace it with --overwrite" if replaceable else ""
        raise RunError(
            f"{out}: holds {state} of another fit, different in {', '.join(parts)}; "
            f"give a new folder with --out{way}"
        )
    return finished


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
        old, new = found.get("config") or {}, identity["config"]
        names = [*new, *(name for name in old if name not in new)]
        fields = [f"{n} {old.get(n)!r} → {new.get(n)!r}" for n in names if old.get(n) != new.get(n)]
        parts[parts.index("config")] = f"config ({', '.join(fields)})"
    return parts
