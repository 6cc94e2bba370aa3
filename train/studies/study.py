"""A study: rows to compare on the same clips, each with a run for every seed; its folder, read and written.

The folder of an ablation or of the baselines holds ``results.json`` (the rows, where their runs are),
``truth.csv`` (the clips that are reported on, their labels and speakers) and one folder for each run. Of folds the
clips are in the order of the folds, each as many as ``results.json`` says, and so are the runs of a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from cache import read_table
from train.checksums import FILES, known_fields, read_json, read_sealed, verified, verify_run, write_sealed
from train.errors import RunError
from train.files import ENVIRONMENT_FILE, METRICS_FILE, PREDICTIONS_FILE, write_csv
from train.labels.tables import Labels, check_speakers, label_cell, label_in, speaker_in
from train.runs.run_folder import read_metrics
from train.runs.submission import predictions_in
from train.scores.folds import Fold
from train.scores.registry import METRICS
from train.studies.claim_folder import STUDY
from train.studies.parts import Parts

FloatArray = npt.NDArray[np.float64]
RESULTS, TRUTH = STUDY.file, "truth.csv"
TEXTS = ("reference", "metric", "caption", "selected_on")  # fields of a study that are text
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
        runs: folders of its runs, relative to the study's folder: one a seed, of the first fold, then of the next.
        rates: learning rates of the folds, where they differ; ``config`` has that of the first.
    """

    name: str
    config: dict[str, Any]
    cache: str
    parameters: int
    seconds: float
    runs: tuple[str, ...]
    rates: tuple[float, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values; without rates as it always was."""
        return {key: value for key, value in asdict(self).items() if key != "rates" or value}


class StudyFold(NamedTuple):
    """One fold of a study.

    Attributes:
        name: of its folder.
        group: that was left out alone; empty where it has several.
        clips: how many it reports on.
    """

    name: str
    group: str
    clips: int


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
        truth: (clips, targets) their labels, NaN where missing.
        speakers: (clips,) None where unknown.
        tuned: whether each row's learning rate was chosen for it.
        family: from how many differences those of these rows were picked by the very clips reported on; 0 if
            they were not.
        folds: of a cross-validation, in the order of the clips; empty for a plain split.
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
    family: int = 0
    folds: tuple[StudyFold, ...] = ()
    loaded: dict[str, FloatArray] = field(default_factory=dict, compare=False, repr=False)

    @property
    def places(self) -> list[slice]:
        """Where the clips of each fold are; of a plain split, all of them."""
        ends = np.cumsum([0, *(fold.clips for fold in self.folds)]).tolist()
        return [slice(*pair) for pair in pairwise(ends)] or [slice(0, len(self.clip_ids))]

    def runs_of(self, row: RowResult) -> list[tuple[str, ...]]:
        """Return the runs of each fold, one a seed."""
        seeds = len(row.runs) // len(self.places)
        return [row.runs[start : start + seeds] for start in range(0, len(row.runs), seeds)]

    def predictions(self, row: RowResult) -> FloatArray:
        """Return what the runs of a row predict: (seeds, clips, targets); each file is read once.

        Raises:
            RunError: if a run predicts other clips.
        """
        for runs, place in zip(self.runs_of(row), self.places, strict=True):
            for run in runs:
                if run not in self.loaded:
                    path = self.path / run / PREDICTIONS_FILE
                    ids = self.clip_ids[place]
                    self.loaded[run] = predictions_in(read_table(verified(path)), ids, self.names, path)
        folds = [np.stack([self.loaded[run] for run in runs]) for runs in self.runs_of(row)]
        return folds[0] if len(folds) == 1 else np.concatenate(folds, axis=1)

    def scored(self, row: RowResult) -> list[Fold]:
        """Return what the runs of a row say of each fold's clips, to be scored; of a plain split, one."""
        return self.in_folds(self.predictions(row))

    def in_folds(self, values: FloatArray) -> list[Fold]:
        """Return predictions (seeds, clips, targets) with the labels of each fold's clips."""
        return [Fold(self.truth[at], values[:, at], self.speakers[at]) for at in self.places]

    def row(self, name: str) -> RowResult:
        """Return the row called ``name``."""
        return next(row for row in self.rows if row.name == name)


def save_study(study: Study) -> None:
    """Write ``truth.csv`` and ``results.json``, the latter last."""
    speakers = [speaker or "" for speaker in study.speakers]
    rows = (
        [clip_id, *map(label_cell, values), speaker]
        for clip_id, values, speaker in zip(study.clip_ids, study.truth.tolist(), speakers, strict=True)
    )
    write_csv(study.path / TRUTH, ["clip_id", *study.names, SPEAKER], rows)
    fields = ("reference", "metric", "caption", "selected_on", "names", "tuned", "family")
    described = {name: getattr(study, name) for name in fields}
    results = {"format": 1, **described, "rows": [row.to_dict() for row in study.rows]}
    if study.folds:
        results["folds"] = [fold._asdict() for fold in study.folds]
    write_sealed(study.path / RESULTS, results, beside=(TRUTH,))


def load_study(path: Path) -> Study:
    """Read the study in a folder.

    Raises:
        RunError: if the folder holds none, or one of its files is not what its checksum says.
        LabelError: if only some of its clips have a speaker.
    """
    if not (path / RESULTS).exists():
        raise RunError(f"{path}: holds no finished study ({RESULTS} is missing); emi-train ablate makes one")
    verify_run(path)
    results = read_sealed(path / RESULTS)
    with known_fields(path / RESULTS, "a study"):
        sums = results.get(FILES) or {}
        table = read_table(verified(path / TRUTH, sums.get(TRUTH)))
        names = tuple(map(str, results["names"]))
        rows = tuple(_row_in(row) for row in results["rows"])
        truth = np.array([[label_in(row[name]) for name in names] for row in table.rows], dtype=np.float64)
        speakers = tuple(speaker_in(row[SPEAKER]) for row in table.rows)
        fields: dict[str, Any] = {name: str(results[name]) for name in TEXTS}
        fields["tuned"] = bool(results.get("tuned", False))
        fields["family"] = int(results.get("family", 0))
        folds = tuple(
            StudyFold(str(each["name"]), str(each["group"]), int(each["clips"]))
            for each in results.get("folds", ())
        )
        METRICS.require(fields["metric"])
        if folds and (sum(fold.clips for fold in folds) != len(truth) or min(f.clips for f in folds) < 1):
            raise ValueError("folds that are not the clips of the table")
        if any(len(row.runs) % max(1, len(folds)) for row in rows):
            raise ValueError("a row that has not as many runs in each fold")
        if np.isinf(truth).any() or fields["reference"] not in {row.name for row in rows}:
            raise ValueError("labels that are no numbers, or no row is the reference")
    clip_ids = tuple(table.written_ids())  # ids of the cache, each exactly as it is
    check_speakers(path / TRUTH, clip_ids, speakers)
    return Study(
        path, rows, names=names, clip_ids=clip_ids, truth=truth, speakers=speakers, folds=folds, **fields
    )


def _row_in(values: dict[str, Any]) -> RowResult:
    rates = tuple(map(float, values.get("rates", ())))
    row = RowResult(**{**values, "runs": tuple(values["runs"]), "rates": rates})
    if not row.runs or any(Path(run).is_absolute() or ".." in Path(run).parts for run in row.runs):
        raise ValueError(f"row {row.name!r} names no runs of this folder")
    kinds = {"name": str, "config": dict, "cache": str, "parameters": int, "seconds": int | float}
    for name, kind in kinds.items():
        if not isinstance(getattr(row, name), kind):
            raise TypeError(f"{name} of a row: found {getattr(row, name)!r}")
    return row


def row_result(
    name: str, config: dict[str, Any], cache: Path | str, out: Path, runs: Sequence[Path]
) -> RowResult:
    """Describe a row by what its finished runs say of themselves."""
    metrics = [read_metrics(run / METRICS_FILE) for run in runs]
    seconds = [_seconds(run / ENVIRONMENT_FILE) for run in runs]
    relative = tuple(run.relative_to(out).as_posix() for run in runs)
    fields = {key: value for key, value in config.items() if key != "seed"}
    parameters = int(metrics[0]["parameters"])
    return RowResult(name, fields, str(cache), parameters, round(float(np.mean(seconds)), 3), relative)


def _seconds(environment: Path) -> float:
    with known_fields(environment, "an environment"):
        return float(read_json(environment)["seconds"])


def reported(labels: Labels | Sequence[Labels], folds: Parts | None = None) -> dict[str, Any]:
    """Return the fields of a study that come from the labels reported on.

    Args:
        labels: of the clips that are reported on, or those of each fold.
        folds: what they are; None for a plain split.
    """
    parts = [labels] if isinstance(labels, Labels) else labels
    whole: dict[str, Any] = {
        "names": parts[0].names,
        "clip_ids": tuple(clip for part in parts for clip in part.clip_ids),
        "truth": np.concatenate([part.targets for part in parts]),
        "speakers": tuple(who for part in parts for who in part.speakers),
    }
    if folds is not None and folds.are_folds:
        pairs = zip(folds.all, parts, strict=True)
        whole["folds"] = tuple(StudyFold(fold.name, fold.group, len(part)) for fold, part in pairs)
    return whole
