"""A study: rows to compare on the same clips, each with a run for every seed; its folder, read and written.

The folder of an ablation or of the baselines holds ``results.json`` (the rows, where their runs are),
``truth.csv`` (the clips that are reported on, their labels and speakers) and one folder for each run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cache import Table, read_table
from cache.common.ids import KnownIds
from train.errors import RunError
from train.files import ENVIRONMENT_FILE, METRICS_FILE, PREDICTIONS_FILE, read_json, write_csv, write_json
from train.labels.tables import Labels, check_speakers, speaker_in

FloatArray = npt.NDArray[np.float64]
RESULTS, TRUTH = "results.json", "truth.csv"
SPEAKER = "speaker"


@dataclass(frozen=True)
class RowResult:
    """One row of a table.

    Attributes:
        name: as the table shows it.
        config: fields of its fits, without the seed.
        cache: path of its cache.
        parameters: trainable values.
        seconds: of one fit, the mean over seeds.
        runs: folders of its runs, one a seed, relative to the study's folder.
    """

    name: str
    config: dict[str, Any]
    cache: str
    parameters: int
    seconds: float
    runs: tuple[str, ...]


@dataclass(frozen=True)
class Study:
    """Rows that were fitted and predict the same clips.

    Attributes:
        path: its folder.
        rows: in the order of the table.
        reference: name of the row that the others are compared with.
        metric: that leads the table.
        caption: one sentence on cache, width, selection and encoder.
        selected_on: "inner", "valid" or "last epoch".
        names: of the targets.
        clip_ids: (clips,) reported on.
        truth: (clips, targets) their labels.
        speakers: (clips,) None where unknown.
        tuned: whether each row's learning rate was chosen for it.
        loaded: predictions that were read already, by run; a study made of this one shares them.
    """

    path: Path
    rows: tuple[RowResult, ...]
    reference: str
    metric: str
    caption: str
    selected_on: str
    names: tuple[str, ...]
    clip_ids: tuple[str, ...]
    truth: FloatArray
    speakers: tuple[str | None, ...]
    tuned: bool = False
    loaded: dict[str, FloatArray] = field(default_factory=dict, compare=False, repr=False)

    def predictions(self, row: RowResult) -> FloatArray:
        """Return what the runs of a row predict: (seeds, clips, targets); each file is read once.

        Raises:
            RunError: if a run predicts other clips.
        """
        for run in row.runs:
            if run not in self.loaded:
                path = self.path / run / PREDICTIONS_FILE
                self.loaded[run] = predictions_in(read_table(path), self.clip_ids, self.names, path)
        return np.stack([self.loaded[run] for run in row.runs])

    def row(self, name: str) -> RowResult:
        """Return the row called ``name``."""
        return next(row for row in self.rows if row.name == name)


def predictions_in(table: Table, clip_ids: Sequence[str], names: Sequence[str], path: Path) -> FloatArray:
    """Return the predictions (clips, targets) of a table, in the order of ``clip_ids`` and ``names``.

    Raises:
        RunError: if the table lacks a clip, or predicts other targets; it names ``path``.
    """
    known = KnownIds(clip_ids)
    at = {known.find(text): number for number, text in enumerate(table.written_ids())}
    missing = [clip_id for clip_id in clip_ids if clip_id not in at]
    if missing or [name for name in table.columns if name != table.id_column] != list(names):
        what = f"no prediction for clip {missing[0]}" if missing else f"predicts {', '.join(table.columns)}"
        raise RunError(f"{path}: {what}; it is a run of another study, fit it again with --overwrite")
    rows = [table.rows[at[clip_id]] for clip_id in clip_ids]
    return np.array([[float(row[name]) for name in names] for row in rows], dtype=np.float64)


def save_study(study: Study) -> None:
    """Write ``truth.csv`` and ``results.json``, the latter last."""
    speakers = [speaker or "" for speaker in study.speakers]
    rows = (
        [clip_id, *map(repr, values), speaker]
        for clip_id, values, speaker in zip(study.clip_ids, study.truth.tolist(), speakers, strict=True)
    )
    write_csv(study.path / TRUTH, ["clip_id", *study.names, SPEAKER], rows)
    fields = ("reference", "metric", "caption", "selected_on", "names", "tuned")
    described = {name: getattr(study, name) for name in fields}
    write_json(study.path / RESULTS, {"format": 1, **described, "rows": [asdict(row) for row in study.rows]})


def load_study(path: Path) -> Study:
    """Read the study in a folder.

    Raises:
        RunError: if the folder holds none.
        LabelError: if only some of its clips have a speaker.
    """
    if not (path / RESULTS).exists():
        raise RunError(f"{path}: holds no finished study ({RESULTS} is missing); emi-train ablate makes one")
    results, table = read_json(path / RESULTS), read_table(path / TRUTH)
    try:
        names = tuple(results["names"])
        rows = tuple(RowResult(**{**row, "runs": tuple(row["runs"])}) for row in results["rows"])
        truth = np.array([[float(row[name]) for name in names] for row in table.rows], dtype=np.float64)
        speakers = tuple(speaker_in(row[SPEAKER]) for row in table.rows)
        fields = {name: results[name] for name in ("reference", "metric", "caption", "selected_on")}
        fields["tuned"] = bool(results.get("tuned", False))
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"{path / RESULTS}: not a study this version knows ({error})") from None
    clip_ids = tuple(table.written_ids())  # ids of the cache, each exactly as it is
    check_speakers(path / TRUTH, clip_ids, speakers)
    return Study(path, rows, names=names, clip_ids=clip_ids, truth=truth, speakers=speakers, **fields)


def row_result(name: str, config: dict[str, Any], cache: Path, out: Path, runs: Sequence[Path]) -> RowResult:
    """Describe a row by what its finished runs say of themselves."""
    metrics = [read_json(run / METRICS_FILE) for run in runs]
    seconds = [float(read_json(run / ENVIRONMENT_FILE)["seconds"]) for run in runs]
    relative = tuple(run.relative_to(out).as_posix() for run in runs)
    fields = {key: value for key, value in config.items() if key != "seed"}
    parameters = int(metrics[0]["parameters"])
    return RowResult(name, fields, str(cache), parameters, round(float(np.mean(seconds)), 3), relative)


def reported(labels: Labels) -> dict[str, Any]:
    """Return the fields of a study that come from the labels reported on."""
    return {
        "names": labels.names,
        "clip_ids": labels.clip_ids,
        "truth": labels.targets,
        "speakers": labels.speakers,
    }
