"""A bundle: a head to hand on in one zip file, without any data.

One zip file: the head, its config, the projection of a compact cache, hashes of everything that made it, and a
card. No predictions, no clip ids, no label: what is computed from a voice stays where it is. The projection is
written anew, without the ids of the clips that it was fitted on.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from cache.common.durable import read_regular, write_output
from cache.common.words import in_markdown
from cache.compaction.projection import Projection
from train.checksums import MAX_BYTES, checksums_text, known_fields, read_json, verified, verify_run
from train.errors import RunError
from train.files import (
    CHECKSUMS_FILE,
    CONFIG_FILE,
    ENVIRONMENT_FILE,
    HEAD_FILE,
    METRICS_FILE,
    PROJECTION_FILE,
    json_text,
)
from train.runs.run_folder import Run, load_run
from train.scores.wording import score_text

PACKED = (HEAD_FILE, CONFIG_FILE, PROJECTION_FILE)
EPOCH = (1980, 1, 1, 0, 0, 0)  # a zip file's first date: the same run gives the same bytes
MACHINE = ("python", "versions", "platform", "cpu_capability", "device", "threads_of_each_sitting")


def bundle(run: Path, out: Path, *, overwrite: bool = False) -> list[str]:
    """Pack a run.

    Args:
        run: folder of a finished run.
        out: zip file to write.
        overwrite: replace a file of that name, whatever it is.

    Returns:
        The names of the files in it.

    Raises:
        RunError: if the run is an ensemble or damaged, or ``out`` is no zip file's name.
        StorageError: if ``out`` exists and holds something else, or cannot be written.
    """
    loaded = load_run(run)
    if loaded.others:
        raise RunError(f"{run}: holds several heads; bundle its runs one by one, for example {loaded.path}")
    if out.suffix != ".zip":
        raise RunError(f"{out}: expected the name of a .zip file")
    verify_run(run)
    packed = {name: _content(run / name) for name in PACKED if (run / name).exists()}
    texts = {
        METRICS_FILE: json_text(_aggregates(loaded.metrics)),
        "hashes.json": json_text(_hashes(run, packed)),
        "README.md": _card(loaded),
    }
    contents = packed | {name: text.encode() for name, text in texts.items()}
    contents[CHECKSUMS_FILE] = checksums_text(contents).encode()
    write_output(out, _zipped(contents), overwrite)
    return sorted(contents)


def _zipped(contents: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in sorted(contents.items()):
            archive.writestr(zipfile.ZipInfo(name, EPOCH), data, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _card(run: Run) -> str:
    with known_fields(run.path / METRICS_FILE, "metrics of a fit"):
        return card(run)


def card(run: Run) -> str:
    """Return the model card of a head."""
    config, recipe, metrics = run.config, run.recipe, run.metrics
    parts = {"LSTM": config.lstm, "global mean": config.global_mean, "fusion head": config.fusion_head}
    parts |= {"VAD": config.vad}
    on = ", ".join(name for name, is_on in parts.items() if is_on)
    scores = metrics["valid"]
    score = "No clip was left to report on."
    if scores:
        score = f"Validation: mean {metrics['metric']} {score_text(scores[metrics['metric']]['mean'])}."
    source = recipe.encoder
    return (
        "# Emotional mimicry intensity: a head on frozen speech features\n\n"
        f"Predicts {in_markdown(', '.join(run.targets.names))} from the sound of a clip.\n\n"
        f"- Head: {on}; {metrics['parameters']:,} parameters; width {run.head.shape.width}.\n"
        f"- Encoder: {source.get('model', 'unknown')}, "
        f"revision {source.get('revision', 'unknown')}, layer {run.layer}; frozen.\n"
        f"- Training: {metrics['statement']}.\n- {score}\n\n"
        "The method: Hallmen, Deuser, Oswald, André, arXiv 2403.11879. `emi-train predict` of the run folder that "
        "these files make up needs a cache of the same recipe (`hashes.json`).\n\n"
        "## Use\n\nFor research. The licence of the encoder's weights holds for what is computed with them "
        "(audeering's: CC BY-NC-SA 4.0). Intensities say how a clip was rated, not what a person feels; a head "
        "learned the raters' and the speakers' habits. What is computed from a voice is personal data: this "
        "bundle holds none, no clip, id, label or prediction.\n"
    )


def _aggregates(metrics: dict[str, Any]) -> dict[str, Any]:
    """Return the scores and counts; nothing that belongs to one clip."""
    return {name: value for name, value in metrics.items() if name != "ignored_columns"}


def _content(path: Path) -> bytes:
    """Return a file of the run as the bundle holds it."""
    if path.name == PROJECTION_FILE:
        return replace(Projection.from_file(verified(path)), fitted_on=()).to_bytes()
    return read_regular(verified(path), MAX_BYTES)


def _hashes(run: Path, packed: Mapping[str, bytes]) -> dict[str, Any]:
    path = run / ENVIRONMENT_FILE
    found = read_json(path)
    with known_fields(path, "an environment"):
        return {
            "recipe_id": found.get("recipe_id"),
            "clips_and_labels": found["identity"]["clips and labels"],
            "label_files": sorted(found["label_files"].values()),
            "files": {name: hashlib.sha256(data).hexdigest() for name, data in packed.items()},
            **{name: found.get(name) for name in MACHINE},
        }
