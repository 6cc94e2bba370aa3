"""Whether an ONNX file predicts what torch does: clips of random lengths, alone and as a batch, in onnxruntime."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from cache.common.cores import available_cores
from cache.shards.quantise import dequantise, quantise
from train.config import COMPONENTS, STATISTICS
from train.errors import RunError
from train.features.components import of_components
from train.features.statistics import of_frames
from train.losses.registry import SOFTMAX
from train.runs.export.heads import GLOBAL_MEAN, Plan
from train.runs.export.libraries import library
from train.runs.export.options import FULL, GIVEN, STORED
from train.runs.export.sound import WAVEFORM, LoadedStudent, made_up_sounds
from train.runs.run_folder import Run

Array = npt.NDArray[Any]
TOLERANCE = 1e-5  # of a value up to 1, and of the largest beyond
OF_SOUND = (
    1e-4  # likewise, of sound: another Fourier transform rounds some log-mel values to the next float16
)
LONGEST = 3_000  # frames: a minute
BATCH = 32
WORK = 2e11  # multiplications that one comparison may take, in torch and in onnxruntime each


@dataclass(frozen=True)
class Clips:
    """Some made-up clips.

    Attributes:
        inputs: of the file, by name; what lies behind a clip's frames is garbage.
        frames: of each clip, as the head takes them.
        means: (clips, width) global mean of each.
    """

    inputs: dict[str, Array]
    frames: list[Array]
    means: Array


def compare(data: bytes, plan: Plan, seed: int = 0) -> float:
    """Return the largest difference between an ONNX file and torch, as a share of max(1, largest value).

    Args:
        data: the file.
        plan: what it was made of.
        seed: of the clips.

    Raises:
        RunError: if it is above the tolerance, or onnxruntime cannot run the file.
    """
    session, tolerance = session_of(data), TOLERANCE if plan.student is None else OF_SOUND
    rng, worst = np.random.default_rng(seed), 0.0
    for clips in _made_up(plan, rng):
        lengths = [len(each) for each in clips.frames]
        found = session.run(None, clips.inputs)[0]
        expected = expected_of(plan, clips)
        difference = np.abs(found - expected).max() / max(1.0, np.abs(expected).max())
        worst = max(worst, float(difference))  # NaN is refused below
        if not difference <= tolerance:
            raise RunError(
                f"{plan.runs[0].path}: the ONNX file differs from torch by {difference:.1e} on clips of "
                f"{min(lengths)} to {max(lengths)} frames, expected at most {tolerance:g}; nothing is written"
            )
    return worst


def _made_up(plan: Plan, rng: np.random.Generator) -> Iterator[Clips]:
    """Yield the clips of each comparison: frames, or sounds where a student hears them."""
    if plan.student is None:
        for lengths in random_lengths(plan, rng):
            yield make_clips(plan, lengths, rng)
        return
    for sounds in made_up_sounds(rng):
        yield heard_clips(plan, plan.student, sounds)


def heard_clips(plan: Plan, student: LoadedStudent, sounds: npt.NDArray[np.float32]) -> Clips:
    """Return clips of sounds (clips, samples): what a student says of them, in numpy."""
    said = [student.said(each, plan.fields) for each in sounds]
    return Clips({WAVEFORM: sounds}, [frames for frames, _ in said], np.stack([mean for _, mean in said]))


def session_of(data: bytes) -> Any:
    """Return what runs an ONNX file on the CPU.

    Raises:
        RunError: if onnxruntime is missing.
    """
    runtime = library("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = available_cores()
    options.log_severity_level = 3
    return runtime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def random_lengths(plan: Plan, rng: np.random.Generator) -> list[list[int]]:
    """Return the lengths [frames] of clips for each comparison: alone, and 32 in a batch.

    From 1 to 3,000 frames, log-uniform; fewer in a batch with a head so large that it would take minutes.
    """
    cost = sum(run.sole_head.num_parameters() for run in plan.runs)
    most = int(np.clip(WORK / (cost * BATCH), 50, LONGEST))
    batch = np.exp(rng.uniform(0, np.log(most), BATCH)).astype(int).tolist()
    return [[1], [2], [int(rng.integers(3, 12))], [LONGEST], [*batch[:-2], 1, most]]


def make_clips(plan: Plan, lengths: Sequence[int], rng: np.random.Generator) -> Clips:
    """Return clips of some lengths with values like those that the head was trained on."""
    kind, inputs, parts, means = plan.options.frames, {}, [], []
    longest, offset = max(lengths), 0
    for field in plan.fields:
        width = plan.widths[field.name]
        values = [_values(plan, length, width, offset, rng) for length in lengths]
        offset += width
        if kind == STORED and field.dtype == np.int8:
            stored = [quantise(each) for each in values]
            inputs[field.name] = _padded([each for each, _, _ in stored], longest, np.int8(99))
            inputs[f"scale/{field.name}"] = np.stack([scale for _, scale, _ in stored]).astype(np.float32)
            inputs[f"offset/{field.name}"] = np.stack([each for _, _, each in stored]).astype(np.float32)
            parts.append([dequantise(*each) for each in stored])
        elif kind == STORED:
            values = [each.astype(field.dtype) for each in values]
            inputs[field.name] = _padded(values, longest, np.nan)
            parts.append([each.astype(np.float32) for each in values])
        else:
            means.append(_padded(values, longest, np.nan))
            parts.append(
                [plan.projection.frames(field.name, each) for each in values]
                if kind == FULL and plan.projection is not None
                else values
            )
    if means:
        inputs["frames"] = np.concatenate(means, axis=2)
    inputs["lengths"] = np.array(lengths, dtype=np.int64)
    frames = [np.concatenate(each, axis=1) for each in zip(*parts, strict=True)]
    found = np.stack([each.mean(0) for each in frames])
    if plan.options.global_mean == GIVEN:
        found = (found + 0.1).astype(np.float32)
        inputs[GLOBAL_MEAN] = found
    return Clips(inputs, frames, found)


def _values(plan: Plan, length: int, width: int, offset: int, rng: np.random.Generator) -> Array:
    values = rng.standard_normal((length, width)).astype(np.float32)
    head = plan.runs[0].sole_head
    if plan.options.frames == FULL or not (head.shape.standardise or head.shape.components):
        return values
    of = head.components if head.shape.components else head.standardise
    name = "" if head.shape.components else "frame_"
    mean, deviation = (of.get_buffer(f"{name}{each}").numpy() for each in ("mean", "deviation"))
    part = slice(offset, offset + width)
    return np.asarray(values * deviation[part] + mean[part])


def _padded(clips: Sequence[Array], longest: int, garbage: Any) -> Array:
    padded = np.full((len(clips), longest, clips[0].shape[1]), garbage, dtype=clips[0].dtype)
    for row, values in enumerate(clips):
        padded[row, : len(values)] = values
    return padded


def expected_of(plan: Plan, clips: Clips) -> Array:
    """Return what torch predicts for clips, (clips, targets) float64."""
    mean = np.mean([_output(run, clips) for run in plan.runs], axis=0)
    return plan.runs[0].targets.clipped(mean) if plan.options.clip else np.asarray(mean)


def _output(run: Run, clips: Clips) -> Array:
    vectors = clips.means
    if run.config.clip_vector in (STATISTICS, COMPONENTS):
        vectors = np.stack([of_frames(each) for each in clips.frames])
    if run.sole_head.shape.components:
        of_clip = of_components(run.sole_head.components)
        vectors = np.concatenate([vectors, np.stack([of_clip(each) for each in clips.frames])], axis=1)
    lengths = torch.tensor([len(each) for each in clips.frames])
    frames = torch.from_numpy(_padded(clips.frames, int(lengths.max()), 0.0))
    with torch.inference_mode():
        output = run.sole_head(frames, lengths, torch.from_numpy(vectors)).double()
    return np.asarray(output.softmax(1) if run.config.loss in SOFTMAX else output)
