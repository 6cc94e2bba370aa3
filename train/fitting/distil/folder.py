"""The folder of a student: an encoder's files, its scores, its card, and their checksums."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from cache.common.student.arrays import run_student
from cache.common.student.layout import MODEL_TYPE, VERSION, Layout
from cache.format.schema import SAMPLING_RATE
from train.checksums import finish_run
from train.files import CHECKPOINT_FILE, CHECKSUMS_FILE, CONFIG_FILE, METRICS_FILE, write_json, write_text
from train.fitting.distil.card import card
from train.fitting.distil.lessons import Lessons
from train.runs.claim import Kept
from train.runs.tensors import write_tensors

MARKER, MODEL_FILE, CARD = "student.json", "model.safetensors", "README.md"
PREPROCESSOR = "preprocessor_config.json"  # what an encoder's folder is asked for
FILES = (METRICS_FILE, CHECKSUMS_FILE, CHECKPOINT_FILE, MODEL_FILE, CONFIG_FILE, PREPROCESSOR, CARD, MARKER)
KEPT = Kept(MARKER, FILES)
TIMED_SECONDS = 20.0  # of sound


def write_student(
    out: Path, lessons: Lessons, layout: Layout, tensors: Mapping[str, Tensor], said: Mapping[str, Any]
) -> dict[str, Any]:
    """Write everything but the checkpoint, ``metrics.json`` last; return the metrics.

    Args:
        out: folder of the student.
        lessons: that it learned from.
        layout: of it.
        tensors: finished.
        said: ``scores``, ``seconds`` of epochs, ``teacher`` and ``logmel`` recipes, ``licence``, ``options``.
    """
    config = {
        "model_type": MODEL_TYPE,
        "version": VERSION,
        **layout.to_json(),
        "parameters": layout.parameters,
        "targets_from": said["options"]["targets_from"],
        "logmel_config_sha256": said["logmel"]["config_sha256"],
        "teacher_field": lessons.field,
        "teacher": said["teacher"],
        "licence": said["licence"],
        "options": said["options"],
    }
    write_json(out / CONFIG_FILE, config)
    write_json(out / PREPROCESSOR, {"sampling_rate": SAMPLING_RATE, "do_normalize": False})
    write_tensors(out / MODEL_FILE, tensors, {"model_type": MODEL_TYPE})
    arrays = {name: each.numpy() for name, each in tensors.items()}
    metrics = {
        "scores": said["scores"],
        "parameters": layout.parameters,
        "bytes": (out / MODEL_FILE).stat().st_size,
        "times_real_time": times_real_time(layout, arrays, lessons),
        "epoch_seconds": statistics.median(said["seconds"]),
        "explained": lessons.explained,
        "clips": len(lessons),
        "unmatched": lessons.unmatched,
    }
    write_text(out / CARD, card(config, metrics))
    finish_run(out, metrics, FILES)
    return metrics


def times_real_time(
    layout: Layout, tensors: Mapping[str, npt.NDArray[np.float32]], lessons: Lessons
) -> float:
    """Return seconds of sound a second of processor time, of the network alone."""
    frames = np.concatenate(lessons.frames[: max(1, int(TIMED_SECONDS))])[: int(TIMED_SECONDS * 50)]
    run_student(layout, tensors, frames)
    begun = time.process_time()
    run_student(layout, tensors, frames)
    return len(frames) / 50 / max(1e-6, time.process_time() - begun)
