"""The run folder: what it holds and how it is loaded.

config.json       the FitConfig; fits ``--config``
environment.json  versions, threads, device, label files' sha256, cache recipe: written first
head.safetensors  the head, with all that ``predict`` needs to know in its metadata
history.csv       one row per epoch
predictions.csv   the validation clips, in the label file's columns
clips.csv         which clips were trained on, chose the epoch, were reported on
audit.json        what could make the scores too good: passed, failed or not checked
coverage.json     labelled clips that the cache does not hold, and the other way round
checksums.json    sha256 of every other file; older runs have none
metrics.json      scores: written last, it marks the run as finished
projection.npz    how a compact cache was made from the full one, if the head was fitted on a compact one; of
                  several streams projection.<name>.npz
checkpoint.safetensors  only while unfinished

An ensemble's folder holds one run a seed and ensemble.json, which names them.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cache.common.table_text.cells import plain_cell
from cache.format.recipe import Recipe
from train.checksums import (
    has_checksums,
    known_fields,
    read_json,
    read_sealed,
    say_unchecked,
    verified,
)
from train.config import FitConfig
from train.errors import RunError
from train.features.inputs import Layer, as_asked
from train.files import CLIPS_FILE, CONFIG_FILE, ENSEMBLE_FILE, FOLDS_FILE, HEAD_FILE, METRICS_FILE
from train.heads.head import FusionHead, require_tensors
from train.heads.streams_head import Head, StreamsHead, shape_in
from train.labels.missing import range_of
from train.runs.recipe_match import Side, layer_in, streams_in
from train.runs.tensors import read_tensors, write_tensors
from train.runs.unpacking.unpack import is_bundle, unpacked

FloatArray = npt.NDArray[np.float64]
LAYER_WEIGHTS = "layer_weights"  # in metrics.json: each layer's share, where a head weighs them
METRICS_FIELDS: dict[str, Any] = {  # what others take from metrics.json, and its kind
    "valid": dict | None,
    "valid_clipped": dict | None,
    "parameters": int,
    "selected_on": str,
    "metric": str,
}


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
        """Describe training labels (clips, targets), NaN where missing."""
        return cls(id_column, names, *range_of(labels))

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
        recipe: recipe of the cache it was trained on; of several streams an empty one, each has its own.
        layer: encoder layer that was used, or all that are weighted; None for a cache without layers, and for
            several streams.
        metrics: content of ``metrics.json``.
        others: the other runs of an ensemble: predictions are the mean over all of them.
        streams: what it takes of each stream, in the order of their names; empty for one cache.
    """

    path: Path
    config: FitConfig
    head: Head
    targets: Targets
    recipe: Recipe
    layer: Layer
    metrics: dict[str, Any]
    others: tuple[Run, ...] = ()
    streams: Mapping[str, Side] = field(default_factory=dict)

    @property
    def sole_head(self) -> FusionHead:
        """The head of a run of one cache.

        Raises:
            RunError: if the head takes several streams.
        """
        if isinstance(self.head, StreamsHead):
            raise RunError(
                f"{self.path}: its head takes several streams ({', '.join(self.streams)}), which one ONNX file "
                "does not hold; use emi-train predict, or bundle it without --onnx"
            )
        return self.head

    @property
    def sides(self) -> dict[str, Side]:
        """What it takes of its cache, under no name; of several streams what of each, by its name."""
        if isinstance(self.head, StreamsHead):
            return dict(self.streams)
        own = replace(self.config, layer=as_asked(self.layer))
        return {"": Side(self.path, "", own, self.layer, self.head, self.recipe)}

    def trained_on(self) -> set[str] | None:
        """Return the ids of the clips that shaped this head: trained on, or used to choose the epoch.

        None if it is not known: a bundle names no clip.
        """
        if not (self.path / CLIPS_FILE).exists():
            return None
        path = verified(self.path / CLIPS_FILE)
        with known_fields(path, "a table of clips"), path.open(encoding="utf-8", newline="") as file:
            mine = {plain_cell(row["clip_id"]) for row in csv.DictReader(file) if row["part"] != "valid"}
        for other in self.others:
            theirs = other.trained_on()
            if theirs is None:
                return None
            mine |= theirs
        return mine


def save_head(path: Path, head: Head, targets: Targets, described: Mapping[str, Any]) -> None:
    """Write a head with what ``load_run`` needs to use it.

    Args:
        path: of the safetensors file.
        head: to save.
        targets: names and training statistics of its outputs.
        described: further JSON values: config, and of the cache recipe, recipe_id and layer; or ``streams``, with
            these and vad of each.
    """
    values = {
        "format": 1,
        "head": head.shape.to_dict(),
        "targets": {name: getattr(targets, name) for name in Targets.__dataclass_fields__},
        **described,
    }
    write_tensors(path, head.state_dict(), values)


def load_run(path: Path | str) -> Run:
    """Load a finished run, an ensemble, or the heads of a cross-validation, whose mean counts; or a bundle of one.

    Raises:
        RunError: if the folder, or the bundle, holds no finished run.
    """
    path = Path(path)
    if is_bundle(path):
        path = unpacked(path)
    if (path / ENSEMBLE_FILE).exists():
        return _load_several(path, path / ENSEMBLE_FILE)
    if (path / FOLDS_FILE).exists():
        return _load_several(path, path / FOLDS_FILE)
    if not path.is_dir():
        raise RunError(f"{path}: no such run folder; emi-train fit writes one")
    if not (path / METRICS_FILE).exists():
        hint = (
            "run the same fit again to finish it"
            if (path / CONFIG_FILE).exists()
            else "emi-train fit writes one"
        )
        raise RunError(f"{path}: not a finished run ({METRICS_FILE} is missing); {hint}")
    say_unchecked(path, has_checksums(path))
    run = _loaded(path, read_metrics(path / METRICS_FILE))
    with known_fields(path / METRICS_FILE, "metrics of a fit"):
        if not isinstance(run.metrics["statement"], str) or not isinstance(run.metrics["epoch"], int):
            raise TypeError("no statement, or no epoch")
        if run.metrics["valid"] is not None:
            run.metrics["valid"][run.config.metric]
    return run


def read_metrics(path: Path) -> dict[str, Any]:
    """Return the content of a run's ``metrics.json``, or of a baseline's.

    Raises:
        RunError: if it is damaged, or lacks what everybody takes from it.
    """
    values: dict[str, Any] = read_json(path)
    with known_fields(path, "metrics"):
        for name, kind in METRICS_FIELDS.items():
            if not isinstance(values[name], kind):
                raise TypeError(f"{name}: found {values[name]!r}")
        for part in ("valid", "valid_clipped"):
            for scores in (values[part] or {}).values():
                _require_scores(scores)
    return values


def _require_scores(scores: Any) -> None:
    found = [scores["mean"], *scores["per_target"].values()]
    if not all(value is None or isinstance(value, int | float) for value in found):
        raise TypeError(f"scores: found {found!r}")


def _loaded(path: Path, metrics: dict[str, Any]) -> Run:
    """Return the run whose head lies in a folder; nothing in the head is trusted before it is checked."""
    file = verified(path / HEAD_FILE)
    tensors, values = read_tensors(file)
    try:
        with known_fields(file, "a head"):
            shape = shape_in(values["head"])
            require_tensors(shape, tensors)
            head = shape.head()
            head.load_state_dict(tensors)
            targets = _targets_in(values["targets"], shape.targets)
            config = FitConfig.from_dict(values["config"])
            streams = streams_in(path, head, config, values)
            layer = None if streams else layer_in(values["layer"])
            recipe = Recipe() if streams else Recipe(**values["recipe"])
            run = Run(path, config, head.eval(), targets, recipe, layer, metrics, streams=streams)
            _require_agreement(run)
    except RuntimeError as error:
        raise RunError(f"{file}: not a head that this version knows ({error})") from None
    require_finite(head, file)
    return run


def _require_agreement(run: Run) -> None:
    """Refuse a head whose tensors are not those of its config."""
    for side in run.sides.values():
        if bool(side.inputs.shape.components) != side.config.takes_components:
            raise ValueError("its config and its tensors do not agree on components")
        if side.inputs.shape.layers != (len(side.layer) if isinstance(side.layer, tuple) else 0):
            raise ValueError("its layers and its tensors do not agree")


def _targets_in(values: Mapping[str, Any], count: int) -> Targets:
    arrays = {name: np.array(values[name], dtype=np.float64) for name in ("mean", "low", "high")}
    names = tuple(map(str, values["names"]))
    if {len(names), *(len(each) for each in arrays.values())} != {count}:
        raise ValueError(f"{count} outputs, {len(names)} names")
    if not all(array.ndim == 1 and np.isfinite(array).all() for array in arrays.values()):
        raise ValueError("training statistics that are no numbers")
    return Targets(str(values["id_column"]), names, **arrays)


def require_finite(head: Head, where: Path) -> None:
    """Refuse a head that would predict nothing.

    Raises:
        RunError: if a weight is not finite; it names ``where``.
    """
    bad = [name for name, weight in head.state_dict().items() if not bool(weight.isfinite().all())]
    if bad:
        raise RunError(
            f"{where}: {bad[0]} holds weights that are not finite (NaN or infinite); fit again with a lower --lr"
        )


def _load_several(path: Path, file: Path) -> Run:
    """Return an ensemble, or the heads of a cross-validation, which predict together like one."""
    with known_fields(file, "a list of runs"):
        runs = read_sealed(file)["runs"]
        names = [str(each["run"] if isinstance(each, dict) else each) for each in runs]
    if not names or any(Path(name).name != name for name in names):
        raise RunError(f"{file}: names no runs of this folder")
    loaded = [
        load_run(path / name) for name in names
    ]  # a fold may be an ensemble, of as many heads as the others
    first, *others = (replace(head, others=()) for run in loaded for head in (run, *run.others))
    return replace(first, others=tuple(others))
