"""Train in clips → extract → cache → train → intensities: cache and labels in, heads and scores out.

Names load when first used, so that importing the package (or asking for ``--help``) costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from train.config import FitConfig
    from train.fitting import fit
    from train.head import FusionHead, HeadShape
    from train.labels import Labels, Splits, read_labels, read_splits
    from train.predicting import evaluate, predict
    from train.run import Run, load_run

_HOMES = {
    "FitConfig": "config",
    "FusionHead": "head",
    "HeadShape": "head",
    "Labels": "labels",
    "Run": "run",
    "Splits": "labels",
    "evaluate": "predicting",
    "fit": "fitting",
    "load_run": "run",
    "predict": "predicting",
    "read_labels": "labels",
    "read_splits": "labels",
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
