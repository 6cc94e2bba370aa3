"""Finished heads as one graph: inputs, clip vectors, temporal models, fusions, and the mean over all heads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from cache.compaction.projection import Projection
from cache.format.schema import HIDDEN_STATES
from train.config import MEAN
from train.errors import RunError
from train.features.inputs import VAD
from train.heads.head import FusionHead
from train.heads.standardise import Standardise
from train.losses.registry import SOFTMAX
from train.runs.export.clip_vector import clip_vector
from train.runs.export.frames import CLIPS, Field, Frames, input_frames, input_widths
from train.runs.export.fusion import FUSION, fused
from train.runs.export.graph import Graph, Value
from train.runs.export.options import AS_TRAINED, FULL, GIVEN, INSIDE, STORED, ExportOptions
from train.runs.export.sound import WAVEFORM, LoadedStudent, heard_frames
from train.runs.export.temporal import TEMPORAL
from train.runs.recipe_match import projection_of
from train.runs.run_folder import Run

FORMAT = "emi-fusion head 1"
OUTPUT, GLOBAL_MEAN = "intensities", "global_mean"
VAD_WIDTH = 3
MOST_BYTES = 2**31 - 2**24  # of weights: an ONNX file holds 2 GB, with nodes and metadata


@dataclass(frozen=True)
class Plan:
    """Heads that are to become a graph, and what goes into it.

    Attributes:
        runs: of the heads; their mean counts.
        options: of the graph.
        fields: of what the heads were trained on.
        projection: to be applied inside; None for none.
        student: makes the frames of a waveform inside; None where frames go in.
    """

    runs: tuple[Run, ...]
    options: ExportOptions
    fields: tuple[Field, ...]
    projection: Projection | None
    student: LoadedStudent | None = None

    @classmethod
    def of(cls, run: Run, options: ExportOptions, student: LoadedStudent | None = None) -> Plan:
        """Look whether a run, with the others of its ensemble, can become a graph; with a student, of sound.

        Raises:
            RunError: if it cannot; the message says why.
        """
        runs = (run, *run.others)
        for each in runs:
            _require_known(each)
        if len({(each.layer, each.config.vad, each.sole_head.shape.width) for each in runs}) > 1:
            raise RunError(
                f"{run.path}: its heads take different layers or fields, and one file takes one; export each alone"
            )
        size = 4 * sum(each.numel() for one in runs for each in one.head.state_dict().values())
        if size > MOST_BYTES:
            raise RunError(
                f"{run.path}: {len(runs)} heads of {size / len(runs) / 1e6:.0f} MB, and one ONNX file holds "
                f"{MOST_BYTES / 1e9:.1f} GB; export fewer of them, each by its own folder"
            )
        needs_mean = any(
            each.sole_head.shape.global_mean and each.config.clip_vector == MEAN for each in runs
        )
        if options.global_mean == GIVEN and not needs_mean:
            raise RunError(f"{run.path}: takes no global mean; leave --global-mean out")
        projection = None
        if options.frames == FULL:
            if run.recipe.projection_sha256 is None:
                raise RunError(
                    f"{run.path}: was trained on the full cache, nothing is to be projected; leave --frames out"
                )
            projection = projection_of(run.sides[""], "the graph is to project frames")
        if student is None:
            return cls(runs, options, _fields_of(run, options.frames), projection)
        student.require_trained(run)
        if (options.frames, options.global_mean) != (AS_TRAINED, INSIDE):
            raise RunError(
                f"{run.path}: with a student a waveform goes in; leave --frames and --global-mean out"
            )
        return cls(runs, options, _fields_of(run, STORED), None, student)

    @property
    def widths(self) -> dict[str, int]:
        """Channels of each field as they go in."""
        return input_widths(self.options.frames, self.fields, self.projection)


def onnx_file(plan: Plan) -> bytes:
    """Return the ONNX file of some heads: inputs as ``input_frames`` says, output ``intensities``."""
    graph, first = Graph(), plan.runs[0]
    mean = None
    if plan.student is not None:
        frames, mean = heard_frames(graph, plan.student, plan.fields)
    else:
        frames = input_frames(graph, plan.options.frames, plan.fields, plan.projection)
    if plan.options.global_mean == GIVEN:
        mean = graph.input(GLOBAL_MEAN, np.float32, [CLIPS, frames.width])
    outputs = [_output(graph, run, frames, mean) for run in plan.runs]
    output = graph.op("Mean", *outputs) if len(outputs) > 1 else outputs[0]
    if plan.options.clip:
        low, high = (graph.constant(each) for each in (first.targets.low, first.targets.high))
        output = graph.op("Min", graph.op("Max", output, low), high)
    return graph.model(output, OUTPUT, [CLIPS, len(first.targets.names)], _metadata(plan))


def _require_known(run: Run) -> None:
    shape = run.sole_head.shape
    if run.config.standardise == "speaker":
        raise RunError(
            f"{run.path}: its inputs are standardised by all clips of a speaker, which a graph of single clips "
            "cannot do; train with --standardise train or none"
        )
    if shape.lstm and shape.temporal not in TEMPORAL:
        raise RunError(
            f"{run.path}: temporal model {shape.temporal} has no ONNX form, only {', '.join(TEMPORAL)}"
        )
    if shape.fusion_head and shape.fusion not in FUSION:
        raise RunError(f"{run.path}: fusion {shape.fusion} has no ONNX form, only {', '.join(FUSION)}")


def _fields_of(run: Run, kind: str) -> tuple[Field, ...]:
    """Return the fields that a run's head joins."""
    stored = run.recipe.get("stored_dtype")
    stored = stored if isinstance(stored, dict) else {}
    others = [name for name in stored if not name.startswith(HIDDEN_STATES) and name != VAD]
    layers = run.layer if isinstance(run.layer, tuple) else (run.layer,)
    mains = others[:1] if run.layer is None and others else [f"{HIDDEN_STATES}{layer}" for layer in layers]
    width = run.sole_head.shape.width - VAD_WIDTH * run.config.vad
    wanted = {**dict.fromkeys(mains, width), **({VAD: VAD_WIDTH} if run.config.vad else {})}
    if kind != AS_TRAINED and any(name not in stored for name in wanted):
        raise RunError(
            f"{run.path}: its recipe does not say how {' and '.join(wanted)} are stored; leave --frames out"
        )
    return tuple(Field(name, each, np.dtype(stored.get(name, "float32"))) for name, each in wanted.items())


def _output(graph: Graph, run: Run, frames: Frames, mean: Value | None) -> Value:
    """Return what one head predicts, (clips, targets)."""
    head, config = run.sole_head, run.config
    vectors = []
    if head.shape.global_mean:
        given = mean is not None and config.clip_vector == MEAN
        vector = mean if mean is not None and given else clip_vector(graph, frames, config.clip_vector, head)
        moved = _standardised(graph, vector, head.standardise, "clip") if head.shape.standardise else vector
        vectors.append(_summed(graph, moved, head, axis=1))
    if head.shape.lstm:
        seen = frames
        if head.shape.standardise:
            values = frames.masked(graph, _standardised(graph, frames.values, head.standardise, "frame"))
            seen = replace(frames, values=values)
        seen = replace(seen, values=_summed(graph, seen.values, head, axis=2), width=head.shape.width)
        vectors.append(TEMPORAL[head.shape.temporal](graph, head.temporal, seen))
    name = head.shape.fusion if head.shape.fusion_head else "linear"
    output = fused(graph, name, head.fusion_head, vectors)
    return graph.op("Softmax", output, axis=1) if config.loss in SOFTMAX else output


def _standardised(graph: Graph, values: Value, standardise: Standardise, part: str) -> Value:
    mean, deviation = (standardise.get_buffer(f"{part}_{name}") for name in ("mean", "deviation"))
    return graph.op("Div", graph.op("Sub", values, graph.constant(mean)), graph.constant(deviation))


def _summed(graph: Graph, values: Value, head: FusionHead, *, axis: int) -> Value:
    """Return values with all layers summed to one by the head's weights, where it has any."""
    count, width = head.shape.layers, head.shape.layer_width
    if not count:
        return values
    shares = head.layer_weights.softmax(0)
    parts = [
        graph.op(
            "Mul",
            graph.slice(values, place * width, (place + 1) * width, axis),
            graph.constant(shares[place]),
        )
        for place in range(count)
    ]
    rest = graph.slice(values, count * width, np.iinfo(np.int64).max, axis)
    return graph.op("Concat", graph.op("Sum", *parts), rest, axis=axis)


def _metadata(plan: Plan) -> dict[str, str]:
    """Return what the file says of itself; every value but the first is JSON."""
    first, runs = plan.runs[0], plan.runs
    configs: Sequence[dict[str, object]] = [run.config.to_dict() for run in runs]
    values = {
        "targets": list(first.targets.names),
        "low": first.targets.low.tolist(),
        "high": first.targets.high.tolist(),
        "clipped": plan.options.clip,
        "frames": plan.options.frames if plan.student is None else WAVEFORM,
        "fields": plan.widths,
        "layer": first.layer,
        "heads": len(runs),
        "configs": configs,
        "recipe_id": first.recipe.recipe_id,
        "recipe": first.recipe,
    }
    text = {name: json.dumps(value, ensure_ascii=False, allow_nan=False) for name, value in values.items()}
    return {"format": FORMAT, **text}
