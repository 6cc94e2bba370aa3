"""The training of a student: its epochs over the clips it hears, and what it says of those held out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from cache.common.student.layout import Layout
from cache.common.student.network import Outputs
from train.errors import RunError
from train.features.order import epoch_batches, scoring_batches
from train.fitting.adamw import AdamW
from train.fitting.checkpoint import SEAL, below, state_digest
from train.fitting.distil.bands import first_step
from train.fitting.distil.lessons import Lessons
from train.fitting.distil.network import Student
from train.fitting.distil.options import DistilOptions
from train.fitting.distil.passes import Pass
from train.fitting.epoch import learning_rate
from train.losses.total import batch_loss
from train.runs.tensors import read_tensors, write_tensors

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
TERMS = ("mse", "ccc")  # of clip-level values, in deviations
STUDENT, OPTIMISER, HELD, SUMS = "student/", "optimiser/", "held", "sums"
SUMMED = 6  # of frames: their number, then sums of x, y, x², y², xy
SMALLEST = 1e-6  # deviation of a target
MOST_CLIPS = 1000  # that the scale of the bands is taken from


@dataclass
class Training:
    """The state of all trainings of a student.

    Attributes:
        student: as it is now.
        optimiser: with its moments.
        number: of the pass, from 0.
        epoch: finished ones of this pass.
        held: (clips, dimensions) what each clip's student said that had not heard it; NaN where none has yet.
        sums: (dimensions + components, 6) over frames of held-out clips.
        history: mean loss of each epoch of each pass.
        seconds: that each epoch took.
    """

    student: Student
    optimiser: AdamW
    number: int
    epoch: int
    held: FloatArray
    sums: FloatArray
    history: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    @classmethod
    def begin(cls, lessons: Lessons, layout: Layout, options: DistilOptions, first: Pass) -> Training:
        """Return the state before the first step."""
        held = np.full((len(lessons), len(layout.dimensions)), np.nan)
        sums = np.zeros((len(layout.dimensions) + layout.hidden, SUMMED))
        student = new_student(lessons, layout, options, first)
        return cls(student, AdamW(student, options.weight_decay), 0, 0, held, sums)

    def next_pass(self, lessons: Lessons, options: DistilOptions, following: Pass) -> None:
        """Go on with a new student."""
        self.student = new_student(lessons, self.student.layout, options, following)
        self.optimiser = AdamW(self.student, options.weight_decay)
        self.number, self.epoch = self.number + 1, 0

    def save(self, path: Path) -> None:
        """Write the state, whole or not at all."""
        tensors = {STUDENT + name: each for name, each in self.student.state_dict().items()}
        tensors |= {OPTIMISER + name: each for name, each in self.optimiser.tensors().items()}
        tensors |= {HELD: torch.from_numpy(self.held), SUMS: torch.from_numpy(self.sums)}
        rest = {
            "number": self.number,
            "epoch": self.epoch,
            "steps": self.optimiser.step_count,
            "history": self.history,
            "seconds": self.seconds,
        }
        write_tensors(path, tensors, {**rest, SEAL: state_digest(tensors, rest)})

    def restore(self, path: Path) -> None:
        """Take over the state in ``path``.

        Raises:
            RunError: if it is damaged or of another student.
        """
        tensors, rest = read_tensors(path)
        if rest.pop(SEAL, None) != state_digest(tensors, rest):
            raise RunError(f"{path}: does not hold what its own checksum says; start over with --overwrite")
        try:
            self.student.load_state_dict(below(STUDENT, tensors))
            self.optimiser.restore(below(OPTIMISER, tensors), rest["steps"])
            self.held, self.sums = tensors[HELD].numpy(), tensors[SUMS].numpy()
            self.number, self.epoch = rest["number"], rest["epoch"]
            self.history, self.seconds = rest["history"], rest["seconds"]
        except (KeyError, TypeError, RuntimeError, ValueError) as error:
            raise RunError(f"{path}: not a checkpoint of this student ({error}); use --overwrite") from None


def new_student(lessons: Lessons, layout: Layout, options: DistilOptions, of: Pass) -> Student:
    """Return a student of a pass before its first step."""
    some = of.heard[np.unique(np.linspace(0, len(of.heard) - 1, min(MOST_CLIPS, len(of.heard))).astype(int))]
    return Student(layout, first_step([lessons.frames[at] for at in some], layout.bands), options.seed)


class Scale(NamedTuple):
    """Means and deviations (dimensions,) of what the teacher says of clips."""

    means: FloatArray
    deviations: FloatArray

    @classmethod
    def of(cls, lessons: Lessons, positions: IntArray) -> Scale:
        """Return those of some clips."""
        said = lessons.clips[positions]
        deviations = said.std(0)
        if (
            deviations < SMALLEST
        ).any():  # what clips agree on may vary over frames: these give the unit then
            of_frames = np.concatenate([lessons.readout[at] for at in positions]).astype(np.float64).std(0)
            deviations = np.where(deviations < SMALLEST, np.maximum(of_frames, SMALLEST), deviations)
        return cls(said.mean(0), deviations)


class Batch(NamedTuple):
    """Clips padded to one length, and what the teacher says of them; values of the teacher in deviations."""

    frames: Tensor
    lengths: Tensor
    clips: Tensor
    readout: Tensor
    hidden: Tensor

    @classmethod
    def of(cls, lessons: Lessons, positions: IntArray, scale: Scale) -> Batch:
        """Return the batch of the clips at ``positions``."""
        lengths = lessons.lengths[positions]
        readout = [(lessons.readout[at] - scale.means) / scale.deviations for at in positions]
        return cls(
            _padded([lessons.frames[at] for at in positions]),
            torch.from_numpy(lengths),
            torch.from_numpy((lessons.clips[positions] - scale.means) / scale.deviations).float(),
            _padded(readout),
            _padded([lessons.hidden[at] for at in positions]),
        )


def _padded(values: Any) -> Tensor:
    padded = np.zeros((len(values), max(map(len, values)), values[0].shape[1]), np.float32)
    for row, each in enumerate(values):
        padded[row, : len(each)] = each
    return torch.from_numpy(padded)


def run_epoch(training: Training, lessons: Lessons, options: DistilOptions, of: Pass) -> None:
    """Take one step per batch over every clip that is heard.

    Raises:
        RunError: if the loss is no number any more.
    """
    scale, total = Scale.of(lessons, of.heard), 0.0
    batches = epoch_batches(
        lessons.lengths[of.heard], options.batch_size, options.seed, training.epoch, by_length=False
    )
    for step, part in enumerate(batches):
        batch = Batch.of(lessons, of.heard[part], scale)
        lr = learning_rate(training.epoch * len(batches) + step, len(batches), options)
        loss = _loss(training.student(batch.frames, batch.lengths), batch, options.frame_weight)
        training.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        training.optimiser.step(lr)
        total += loss.item() * len(part)
    if not math.isfinite(total):
        raise RunError(
            f"the loss became {total} in epoch {training.epoch + 1}; lower --lr (now {options.lr:g})"
        )
    training.history.append(total / len(of.heard))
    training.epoch += 1


def _loss(said: Outputs[Tensor], batch: Batch, frame_weight: float) -> Tensor:
    """Return squared error and 1 - concordance of clips, and squared errors of frames and their components."""
    valid = torch.arange(batch.frames.shape[1]) < batch.lengths[:, None]
    parts = []
    if said.clip_readout is not None and said.frame_readout is not None:
        of_clips = batch_loss(TERMS, said.clip_readout, batch.clips).value
        assert of_clips is not None  # noqa: S101 - a squared error always exists
        parts = [of_clips, frame_weight * (said.frame_readout - batch.readout)[valid].square().mean()]
    if batch.hidden.shape[2]:
        parts.append((said.frames - batch.hidden)[valid].square().mean())
    return torch.stack(parts).sum()


@torch.no_grad()
def hear_held(training: Training, lessons: Lessons, of: Pass, batch_size: int) -> None:
    """Note what the student of a finished pass says of the clips it has not heard."""
    scale = Scale.of(lessons, of.heard)
    for part in scoring_batches(lessons.lengths[of.held], batch_size):
        positions = of.held[part]
        batch = Batch.of(lessons, positions, scale)
        said = training.student(batch.frames, batch.lengths)
        valid = torch.arange(batch.frames.shape[1]) < batch.lengths[:, None]
        pairs = []
        if said.clip_readout is not None and said.frame_readout is not None:
            training.held[positions] = said.clip_readout.double().numpy() * scale.deviations + scale.means
            unit = [torch.from_numpy(each) for each in (scale.deviations, scale.means)]
            pairs.append(
                [each[valid].double() * unit[0] + unit[1] for each in (batch.readout, said.frame_readout)]
            )
        if batch.hidden.shape[2]:
            pairs.append([each[valid].double() for each in (batch.hidden, said.frames)])
        x, y = (torch.cat(each, dim=1).numpy() for each in zip(*pairs, strict=True))
        training.sums += np.stack(
            [np.full(x.shape[1], len(x)), x.sum(0), y.sum(0), (x * x).sum(0), (y * y).sum(0), (x * y).sum(0)],
            1,
        )


def tensors_of(training: Training, lessons: Lessons, of: Pass) -> Mapping[str, Tensor]:
    """Return the finished tensors of the student of a pass."""
    return training.student.finished(*Scale.of(lessons, of.heard))
