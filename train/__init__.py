"""Training: from a cache and labels to heads and their scores.

Names load when first used, so that importing the package (or asking for ``--help``) costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from train.config import FitConfig
    from train.fitting.fit import fit
    from train.heads.head import FusionHead, HeadShape
    from train.labels.read_tables import read_labels, read_splits
    from train.labels.tables import Labels, Splits
    from train.runs.evaluate import evaluate
    from train.runs.predict import predict
    from train.runs.run_folder import Run, load_run

_HOMES = {
    "FitConfig": "config",
    "FusionHead": "heads.head",
    "HeadShape": "heads.head",
    "Labels": "labels.tables",
    "Run": "runs.run_folder",
    "Splits": "labels.tables",
    "evaluate": "runs.evaluate",
    "fit": "fitting.fit",
    "load_run": "runs.run_folder",
    "predict": "runs.predict",
    "read_labels": "labels.read_tables",
    "read_splits": "labels.read_tables",
}

__all__ = [
    "FitConfig",
    "FusionHead",
    "HeadShape",
    "Labels",
    "Run",
    "Splits",
    "evaluate",
    "fit",
    "load_run",
    "predict",
    "read_labels",
    "read_splits",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'train' has no attribute {name!r}")
    return getattr(import_module(f"train.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
