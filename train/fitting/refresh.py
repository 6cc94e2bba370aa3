"""Brings a finished run up to the speakers of today: they decide its interval and its audit, but not its head."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from cache import read_table
from train.audit.audit import audit_splits
from train.checksums import known_fields, read_json, replace_listed, verified
from train.files import AUDIT_FILE, ENVIRONMENT_FILE, METRICS_FILE, PREDICTIONS_FILE, json_text
from train.fitting.write_run import FitInputs, origin_of, statement, validation_interval
from train.runs.run_folder import read_metrics
from train.runs.submission import predictions_in


def refresh(out: Path, inputs: FitInputs) -> bool:
    """Compute again what speakers decide, where a finished run was made with others.

    A run of an older version does not say which it had; it is brought up to date once.

    Args:
        out: folder of the finished run of this very fit.
        inputs: with the speakers that count now.

    Returns:
        Whether anything was written.

    Raises:
        RunError: if a file of the run is damaged.
    """
    found = read_json(out / ENVIRONMENT_FILE)
    if found.get("speakers") == inputs.task.speakers:
        return False
    texts = {METRICS_FILE: json_text(_metrics(out, inputs))}
    if (out / AUDIT_FILE).exists():
        texts[AUDIT_FILE] = audit_splits(
            inputs.reader, inputs.labels, by_speaker=inputs.task.config.by_speaker
        ).to_json()
    texts[ENVIRONMENT_FILE] = json_text({**found, **origin_of(inputs)})  # last: until then it is done again
    replace_listed(out, texts)
    return True


def _metrics(out: Path, inputs: FitInputs) -> dict[str, Any]:
    """Return the content of ``metrics.json`` with what depends on speakers computed again."""
    task, path = inputs.task, out / METRICS_FILE
    metrics = read_metrics(path)
    with known_fields(path, "metrics of a fit"):
        told = statement(task, int(metrics["epoch"]), metrics["selection_score"])
    interval = None
    if "valid" in task.parts:
        file = verified(out / PREDICTIONS_FILE)
        predictions = predictions_in(read_table(file), task.valid.clip_ids, task.valid.names, file)
        # The file's nine digits give back the float32 that the head predicted.
        interval = validation_interval(task, predictions.astype(np.float32).astype(np.float64))
    return {**metrics, "statement": told, "interval": interval}
