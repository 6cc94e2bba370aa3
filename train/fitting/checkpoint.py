"""The state of an unfinished fit: saved after each epoch, so that it can be continued.

A checkpoint is a safetensors file: tensors, and one JSON text for the rest.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cache.common.console import json_ready
from train.config import FitConfig
from train.errors import RunError
from train.fitting.adamw import AdamW
from train.heads.streams_head import Head
from train.runs.history import EpochRecord
from train.runs.tensors import read_tensors, write_tensors

HEAD, BEST, OPTIMISER = "head/", "best/", "optimiser/"
SEAL = "sha256"  # of the state itself


@dataclass
class Choice:
    """The epoch that a first pass found best, which a second one on all training clips ends after.

    Attributes:
        epoch: from 1.
        score: of that epoch; None where none was defined.
        history: of the first pass, one record per epoch.
    """

    epoch: int
    score: float | None
    history: list[EpochRecord]

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Choice:
        """Return what ``asdict`` described."""
        history = [EpochRecord.from_dict(row) for row in values["history"]]
        return cls(int(values["epoch"]), values["score"], history)


@dataclass
class Training:
    """An unfinished fit: everything that an interrupted fit needs to go on with the same bits.

    Attributes:
        head: the head as it is now.
        optimiser: with its moments.
        history: one record per finished epoch.
        best_epoch: best defined score so far; None if there is none.
        best_score: of that epoch.
        best_weights: of that epoch.
        seconds: spent in epochs so far.
        waited: of those, spent waiting for batches.
        threads: torch threads of each sitting.
        choice: of the pass before; None in the first.
        rates: clips/s that were measured with one number of threads and another, before the first step.
    """

    head: Head
    optimiser: AdamW
    history: list[EpochRecord] = field(default_factory=list)
    best_epoch: int | None = None
    best_score: float | None = None
    best_weights: dict[str, Tensor] = field(default_factory=dict)
    seconds: float = 0.0
    waited: float = 0.0
    threads: list[int] = field(default_factory=list)
    choice: Choice | None = None
    rates: dict[int, float] = field(default_factory=dict)

    def record(self, row: EpochRecord) -> None:
        """Add an epoch, and keep its weights if it scored best."""
        self.history.append(row)
        if is_better(row.score, self.best_score):
            self.best_epoch, self.best_score = row.epoch, row.score
            self.best_weights = {name: t.detach().cpu().clone() for name, t in self.head.state_dict().items()}

    def passes(self) -> dict[str, list[EpochRecord]]:
        """Return the epochs that were taken, by pass: "epoch", and "refit" once there is a second one."""
        if self.choice is None:
            return {"epoch": self.history}
        return {"epoch": list(self.choice.history), "refit": self.history}

    def is_over(self, config: FitConfig) -> bool:
        """Whether all epochs are done, or the score has not become better for ``patience`` of them."""
        done = len(self.history)
        stale = self.best_epoch is not None and done - self.best_epoch >= (config.patience or math.inf)
        return done >= config.last_epoch or stale

    def choose(self) -> Choice:
        """Give the head the chosen weights: best defined score, else the last epoch; return that choice.

        In a second pass these are the last weights, and the choice is that of the first.
        """
        if self.choice is not None:
            return self.choice
        if self.best_epoch is not None:
            self.head.load_state_dict(self.best_weights)
        return Choice(self.best_epoch or len(self.history), self.best_score, self.history)


def is_better(score: float, best: float | None) -> bool:
    """Whether ``score`` is defined and above the best defined score so far; the earlier of equals stays."""
    return not math.isnan(score) and (best is None or score > best)


def new_training(head: Head, config: FitConfig) -> Training:
    """Return a head and its optimiser before the first step."""
    return Training(head, AdamW(head, config.weight_decay))


def save_checkpoint(path: Path, training: Training) -> None:
    """Write the state after an epoch, whole or not at all."""
    tensors = {HEAD + name: tensor for name, tensor in training.head.state_dict().items()}
    tensors |= {BEST + name: tensor for name, tensor in training.best_weights.items()}
    tensors |= {OPTIMISER + name: tensor for name, tensor in training.optimiser.tensors().items()}
    rest = {
        "steps": training.optimiser.step_count,
        "history": [asdict(row) for row in training.history],
        "best_epoch": training.best_epoch,
        "best_score": training.best_score,
        "seconds": training.seconds,
        "waited": training.waited,
        "threads": training.threads,
        **({"choice": asdict(training.choice)} if training.choice else {}),
        "rates": list(training.rates.items()),
    }
    write_tensors(path, tensors, {**rest, SEAL: state_digest(tensors, rest)})


def load_checkpoint(path: Path, training: Training) -> None:
    """Bring ``training`` to the state in ``path``.

    Raises:
        RunError: if the file is damaged or of another head.
    """
    tensors, rest = read_tensors(path)
    seal = rest.pop(SEAL, None)  # older versions wrote none
    if seal is not None and seal != state_digest(tensors, rest):
        raise RunError(f"{path}: does not hold what its own checksum says; start over with --overwrite")
    try:
        training.head.load_state_dict(below(HEAD, tensors))
        training.optimiser.restore(below(OPTIMISER, tensors), rest["steps"])
        training.history = [EpochRecord.from_dict(row) for row in rest["history"]]
        training.best_epoch, training.best_score = rest["best_epoch"], rest["best_score"]
        training.seconds, training.waited = rest["seconds"], rest["waited"]
        training.threads = rest["threads"]
        training.choice = Choice.from_dict(rest["choice"]) if "choice" in rest else None
        training.rates = dict(rest.get("rates", []))  # older versions measured none
    except (KeyError, TypeError, RuntimeError, ValueError, AttributeError):
        raise RunError(f"{path}: not a checkpoint of this head; start over with --overwrite") from None
    training.best_weights = below(BEST, tensors)


def state_digest(tensors: Mapping[str, Tensor], rest: Mapping[str, Any]) -> str:
    """Return the checksum of a state: of every tensor's name, dtype, shape and bytes, and of the rest."""
    about = {name: [str(each.dtype), list(each.shape)] for name, each in sorted(tensors.items())}
    text = json.dumps(json_ready([about, dict(rest)]), sort_keys=True, allow_nan=False)
    digest = hashlib.sha256(text.encode())
    for _, tensor in sorted(tensors.items()):
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors whose names begin with a prefix, without it."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
