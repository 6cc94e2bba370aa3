"""Makes a student from two caches: trained on folds for its scores, then on all clips; it can be continued."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cache import CacheReader
from cache.common.progress import Progress
from cache.common.student.layout import Layout, layout_of
from cache.common.words import counted
from cache.format.recipe import canonical_json
from train.checksums import read_json, verify_run
from train.files import CHECKPOINT_FILE, METRICS_FILE
from train.fitting.distil.card import number
from train.fitting.distil.folder import KEPT, write_student
from train.fitting.distil.lessons import Lessons, read_lessons
from train.fitting.distil.options import DistilOptions
from train.fitting.distil.passes import HeldOut, Pass, heard_speakers, plan_passes, speakers_of
from train.fitting.distil.scores import scores_of
from train.fitting.distil.training import Training, hear_held, run_epoch, tensors_of
from train.runs.claim import claim, keep_run_folder

SAVE_EVERY = 1.0  # seconds at most that a kill costs, or an epoch


def distil(
    logmel: Path,
    teacher: Path,
    out: Path,
    options: DistilOptions,
    held_out: HeldOut,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Make a student; the same caches, options and number of threads give the same bits, interrupted or not.

    Args:
        logmel: cache of log-mel frames of some clips.
        teacher: cache of what an encoder says of the same clips.
        out: folder of the student.
        options: how it is trained.
        held_out: who is held out for its scores.
        overwrite: replace a student in ``out``.
        progress: where to report; default: stderr.

    Returns:
        Its metrics: ``scores`` on clips that it had not heard, ``parameters``, ``bytes``, and so on.

    Raises:
        ConfigError: if the caches lack what is to be learned.
        LabelError: if they have no clip in common, or speakers do not go with the folds.
        RunError: if ``out`` holds another student, or the loss is no number any more.
    """
    progress = progress or Progress()
    with CacheReader(logmel) as heard, CacheReader(teacher) as said, keep_run_folder(out, KEPT):
        lessons = read_lessons(heard, said, options, _shown(progress))
        passes = plan_passes(lessons.clip_ids, held_out, options.folds)
        speakers = speakers_of(lessons.clip_ids, held_out)
        who = _digest([lessons.clip_ids, speakers, [each.held.tolist() for each in passes]])
        recipes = {"logmel": heard.recipe_id, "teacher": said.recipe_id}
        identity = {"config": asdict(options), **recipes, "clips": who}
        if claim(out, identity, overwrite, KEPT):
            progress.line(
                f"{out}: this student is finished already, nothing to do (--overwrite makes it again)"
            )
            verify_run(out)
            found: dict[str, Any] = read_json(out / METRICS_FILE)
            return found
        layout = layout_of(options.size, lessons.dimensions, options.hidden)
        progress.line(_first_line(lessons, layout, passes))
        heard_too = _heard_too(passes, speakers, progress)
        training = _trained(out / CHECKPOINT_FILE, lessons, layout, options, passes, progress)
        described = {
            "scores": scores_of(lessons, training.held, training.sums, speakers) | heard_too,
            "seconds": training.seconds,
            "teacher": _named(said),
            "logmel": heard.recipe,
            "licence": said.description.licence,
            "options": asdict(options),
        }
        tensors = tensors_of(training, lessons, passes[-1])
        metrics = write_student(out, lessons, layout, tensors, described)
        (out / CHECKPOINT_FILE).unlink(missing_ok=True)
    return metrics


def _trained(
    checkpoint: Path,
    lessons: Lessons,
    layout: Layout,
    options: DistilOptions,
    passes: list[Pass],
    progress: Progress,
) -> Training:
    """Take the epochs that are left of all passes."""
    training = Training.begin(lessons, layout, options, passes[0])
    if checkpoint.exists():
        training.restore(checkpoint)
        progress.line(f"going on with {passes[training.number].name}, epoch {training.epoch + 1}")
    saved = time.monotonic()
    while True:
        of = passes[training.number]
        while training.epoch < options.epochs:
            begun = time.perf_counter()
            run_epoch(training, lessons, options, of)
            training.seconds.append(time.perf_counter() - begun)
            if time.monotonic() - saved >= SAVE_EVERY:
                training.save(checkpoint)
                saved = time.monotonic()
            progress.update(lambda: _line(training, options, passes))
        progress.line(_line(training, options, passes))
        if len(of.held):
            hear_held(training, lessons, of, options.batch_size)
        if training.number + 1 == len(passes):
            return training
        training.next_pass(lessons, options, passes[training.number + 1])
        training.save(checkpoint)


def _line(training: Training, options: DistilOptions, passes: list[Pass]) -> str:
    of = passes[training.number]
    loss = f", loss {training.history[-1]:.4f}" if training.history else ""
    return f"{of.name}: epoch {training.epoch} of {options.epochs}{loss}"


def _first_line(lessons: Lessons, layout: Layout, passes: list[Pass]) -> str:
    missing = (
        f" ({counted(lessons.unmatched, 'clip')} only in one of the caches)" if lessons.unmatched else ""
    )
    what = ", ".join(lessons.dimensions) or "no dimensions"
    return (
        f"{counted(len(lessons), 'clip')}{missing}; learned: {what}"
        f"{f', {layout.hidden} components of {lessons.field}' if layout.hidden else ''}; "
        f"{layout.parameters:,} parameters, {counted(len(passes), 'training')}"
    )


def _heard_too(passes: list[Pass], speakers: Sequence[str | None], progress: Progress) -> dict[str, int]:
    """Return for the scores how many speakers are both held out and heard, and warn if any is."""
    both, held = heard_speakers(passes, speakers)
    if both:
        progress.line(
            f"warning: {both} of the {counted(held, 'speaker')} held out are heard in other clips, so the scores "
            "are too good; hold out all clips of a speaker"
        )
    return {"heard_speakers": both}


def _shown(progress: Progress) -> Any:
    return lambda done, total: progress.live(lambda: f"reading clips {done}/{total}")


def _named(teacher: CacheReader) -> dict[str, Any]:
    """Return what the config says of the teacher: what names its encoder, and its recipe's id."""
    encoder = teacher.recipe.encoder
    names = ("model", "revision", "weights_sha256", "config_sha256")
    return {**{name: encoder.get(name) for name in names}, "recipe_id": teacher.recipe_id}


def _digest(values: Any) -> str:
    return hashlib.sha256(canonical_json(values).encode()).hexdigest()


def summary(metrics: Mapping[str, Any]) -> str:
    """Return the metrics of a student in some lines for a terminal."""
    scores = metrics["scores"]
    lines = [
        f"{metrics['parameters']:,} parameters, {metrics['bytes'] / 1e3:.0f} KB, "
        f"{metrics['times_real_time']:.0f} × real time, {metrics['epoch_seconds']:.2f} s an epoch"
    ]
    for name, each in scores.get("ccc", {}).items():
        one, low, high = (number(each[key]) for key in ("estimate", "low", "high"))
        lines.append(f"  {name}: CCC {one} [{low}, {high}]")
    if "ccc" in scores:
        lines.append(f"  {scores['ccc']['mean']['caption']}")
    if scores["hidden_r2"] is not None:
        lines.append(f"  components of the teacher's frames: {scores['hidden_r2']:.1%} of their variance")
    return "\n".join(lines)
