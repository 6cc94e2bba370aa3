"""The folder of a student: what an encoder needs, checksums of all, and the score file last."""

from __future__ import annotations

import json

import pytest
import torch

from cache import CacheReader
from cache.common.student.layout import layout_of
from train.checksums import verify_run
from train.errors import RunError
from train.fitting.distil.folder import write_student
from train.fitting.distil.lessons import read_lessons
from train.fitting.distil.options import DistilOptions


def test_it_holds_an_encoder_and_its_card(pair, tmp_path) -> None:
    with CacheReader(pair.logmel) as logmel, CacheReader(pair.teacher) as teacher:
        lessons = read_lessons(logmel, teacher, DistilOptions())
    layout = layout_of("72k", lessons.dimensions, 0)
    tensors = {name: torch.randn(shape) * 0.1 for name, shape in layout.shapes().items()}
    said = {
        "scores": {"frames": 3, "hidden_r2": None},
        "seconds": [1.0, 3.0, 2.0],
        "teacher": {"model": "owner/teacher"},
        "logmel": {"config_sha256": "c" * 64},
        "licence": "CC BY-NC-SA 4.0",
        "options": {"targets_from": "vad"},
    }
    metrics = write_student(tmp_path, lessons, layout, tensors, said)
    config = json.loads((tmp_path / "config.json").read_text())
    assert (config["model_type"], config["logmel_config_sha256"]) == ("emi-student", "c" * 64)
    assert (metrics["epoch_seconds"], metrics["parameters"]) == (2.0, layout.parameters)
    assert metrics["bytes"] == (tmp_path / "model.safetensors").stat().st_size <= 400_000
    assert metrics["times_real_time"] > 0
    verify_run(tmp_path)
    (tmp_path / "README.md").write_text("another")
    with pytest.raises(RunError, match="does not hold the bytes"):
        verify_run(tmp_path)
