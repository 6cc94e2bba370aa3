"""Whose folder it is: a study, an ensemble, folds or baselines take a new one, or go on in their own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from train.checksums import known_fields, read_sealed
from train.errors import RunError
from train.files import ENSEMBLE_FILE, ENVIRONMENT_FILE, FOLDS_FILE, PREDICTIONS_FILE

HASH = "[0-9a-f]" * 8  # at the end of a row's folder
TABLES = "folds"  # folder of the labels of a study's folds: written before anything else


@dataclass(frozen=True)
class Kind:
    """What tells a folder of one kind from any other.

    Attributes:
        name: for messages.
        file: sums it up, and is written last.
        fields: that this file has.
        begun: patterns of what lies in it as soon as it is begun.
        folds: patterns of what lies in it if its rows are fitted fold by fold.
        split: patterns of what lies in it if they are not.
    """

    name: str
    file: str
    fields: tuple[str, ...]
    begun: tuple[str, ...]
    folds: tuple[str, ...] = ()
    split: tuple[str, ...] = ()


STUDY_FIELDS = ("rows", "reference", "metric")
FOLD_TABLE = f"{TABLES}/fold-1.train.csv"
STUDY = Kind(
    "study",
    "results.json",
    STUDY_FIELDS,
    (f"runs/*-{HASH}", f"tuning/*-{HASH}"),
    folds=(FOLD_TABLE,),
    split=("runs/*/seed-*", "tuning/*/lr-*"),
)
BASELINES = Kind(
    "baselines",
    "results.json",
    STUDY_FIELDS,
    ("baselines/constant",),
    folds=(FOLD_TABLE, "baselines/*/fold-*"),
    split=(f"baselines/*/{PREDICTIONS_FILE}",),
)
ENSEMBLE = Kind("ensemble", ENSEMBLE_FILE, ("runs", "valid"), ("seed-[0-9]*",))
CROSS_VALIDATION = Kind("cross-validation", FOLDS_FILE, ("folds", "runs", "pooled"), ("fold-1.train.csv",))


def claim_folder(out: Path, kind: Kind) -> None:
    """Refuse a folder that holds anything else than what this command begins or goes on with; nothing is written.

    Raises:
        RunError: if it holds a run, something of another kind, or files of somebody else.
    """
    if not out.exists():
        return
    if not out.is_dir():
        raise RunError(f"{out}: is a file; give a folder with --out")
    if (out / ENVIRONMENT_FILE).exists():
        raise RunError(f"{out}: holds a single run; give a new folder for the {kind.name} with --out")
    is_begun = any(any(out.glob(pattern)) for pattern in kind.begun)
    if not (is_begun and _sums_up(out / kind.file, kind)) and _holds_files(out, TABLES if kind.folds else ""):
        raise RunError(f"{out}: holds files that are no {kind.name}; give a new folder with --out")


def _sums_up(file: Path, kind: Kind) -> bool:
    """Whether the file that is written last is ours, or not there yet."""
    if not file.exists():
        return True
    with known_fields(file, f"of {kind.name}"):
        return set(kind.fields) <= set(read_sealed(file))


def require_same_kind(out: Path, kind: Kind, *, folds: bool) -> None:
    """Refuse a folder that ``kind`` was begun in with folds if there are none now, and the other way round.

    Raises:
        RunError: if it was.
    """
    other = kind.split if folds else kind.folds
    if any(any(out.glob(pattern)) for pattern in other):
        found, asked = ("a split", "one of folds") if folds else ("folds", "one of a split")
        raise RunError(
            f"{out}: holds {kind.name} of {found}, and {asked} is asked for; "
            "give a new folder with --out, or the same --folds"
        )


def _holds_files(folder: Path, ignored: str = "") -> bool:
    """Whether anything could be lost; hidden files are the system's, or what a killed process left half written.

    Args:
        folder: to look through.
        ignored: folder in it of tables that are compared byte by byte before anything is written; empty for none.
    """
    tables = set((folder / ignored).glob("fold-*.csv")) if ignored else set()
    return any(
        path.is_symlink() or not path.is_dir()
        for path in folder.rglob("*")
        if not path.name.startswith(".") and path not in tables
    )
