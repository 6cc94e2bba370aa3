"""A bundle: a head, or several that predict together, to hand on in one zip file, without any data.

One zip file: the head, its config, the projection of a compact cache, hashes of everything that made it, and a
card. No predictions, no clip ids, no label: what is computed from a voice stays where it is. The projection is
written anew, without the ids of the clips that it was fitted on.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from cache.common.durable import read_regular, write_output
from cache.common.words import in_markdown
from cache.compaction.projection import Projection
from train.checksums import (
    FILES,
    MAX_BYTES,
    checksums_text,
    known_fields,
    read_json,
    read_sealed,
    sealed,
    verified,
    verify_run,
)
from train.config import FitConfig
from train.errors import RunError
from train.files import (
    CHECKSUMS_FILE,
    CONFIG_FILE,
    ENSEMBLE_FILE,
    ENVIRONMENT_FILE,
    FOLDS_FILE,
    HEAD_FILE,
    METRICS_FILE,
    json_text,
    projection_file,
)
from train.runs.model_card import header
from train.runs.recipe_match import Side
from train.runs.run_folder import Run, load_run
from train.runs.settings import in_a_line, settings_of
from train.runs.unpacking.unpack import require_folder
from train.scores.wording import interval_text, score_text

OF_THE_DATA = (FILES, "inputs")  # of a list of runs: label tables and where they were
PROJECTION_SUFFIX = ".npz"
EPOCH = (1980, 1, 1, 0, 0, 0)  # a zip file's first date: the same run gives the same bytes
MACHINE = ("python", "versions", "platform", "cpu_capability", "device", "threads_of_each_sitting")


def bundle(run: Path, out: Path, *, overwrite: bool = False, onnx: bool = False) -> list[str]:
    """Pack a run; of an ensemble or a cross-validation, all heads.

    Args:
        run: folder of it, finished.
        out: zip file to write.
        overwrite: replace a file of that name, whatever it is.
        onnx: add the head, or the mean of all heads, as an ONNX file, and the module that predicts with it.

    Returns:
        The names of the files in it.

    Raises:
        RunError: if the run is damaged, or ``out`` is no zip file's name; if it has no ONNX form.
        StorageError: if ``out`` exists and holds something else, or cannot be written.
    """
    require_folder(run)
    loaded = load_run(run)
    if out.suffix != ".zip":
        raise RunError(f"{out}: expected the name of a .zip file")
    more = _onnx(loaded) if onnx else {}
    contents = _several(run, loaded, more) if loaded.others else _one(loaded, more, with_card=True)
    write_output(out, _zipped(contents), overwrite)
    return sorted(contents)


def _onnx(run: Run) -> dict[str, bytes]:
    """Return the ONNX file of a run, and the module that predicts with it."""
    from train.runs.export import emi_head
    from train.runs.export.export import exported
    from train.runs.export.options import ExportOptions

    data, _ = exported(run, ExportOptions())
    module = Path(str(emi_head.__file__))
    return {emi_head.HEAD: data, module.name: module.read_bytes()}


def _one(run: Run, more: Mapping[str, bytes], *, with_card: bool) -> dict[str, bytes]:
    """Return name → content of the files of one head, and of ``more``."""
    verify_run(run.path)
    names = (HEAD_FILE, CONFIG_FILE, *map(projection_file, run.sides))
    packed = {name: _content(run.path / name) for name in names if (run.path / name).exists()}
    texts = {
        METRICS_FILE: json_text(_aggregates(run.metrics)),
        "hashes.json": json_text(_hashes(run.path, packed)),
        **({"README.md": _card(run, onnx=bool(more))} if with_card else {}),
    }
    return _summed({**packed, **more, **{name: text.encode() for name, text in texts.items()}})


def _several(path: Path, run: Run, more: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the files of an ensemble or a cross-validation: those of each head in its folder, one card for all."""
    file = path / (ENSEMBLE_FILE if (path / ENSEMBLE_FILE).exists() else FOLDS_FILE)
    listed = {name: value for name, value in read_sealed(file).items() if name not in OF_THE_DATA}
    with known_fields(file, "a list of runs"):
        listed["runs"] = [_nameless(each) for each in listed["runs"]]
        card = card_of_several(run, listed, folds=file.name == FOLDS_FILE, onnx=bool(more))
    top = {file.name: json_text(sealed(listed)).encode(), "README.md": card.encode(), **more}
    heads: dict[str, bytes] = {}
    for head in (run, *run.others):
        where = head.path.relative_to(path)
        if len(where.parts) > 1:  # a fold of several seeds: their list lies beside them
            within = read_sealed(path / where.parent / ENSEMBLE_FILE)
            kept = {name: value for name, value in within.items() if name not in OF_THE_DATA}
            heads[f"{where.parent.as_posix()}/{ENSEMBLE_FILE}"] = json_text(sealed(kept)).encode()
        heads |= {
            f"{where.as_posix()}/{name}": content for name, content in _one(head, {}, with_card=False).items()
        }
    return _summed(top) | heads


def _nameless(run: Any) -> Any:
    """Return what a list says of a run, without the name of a group, which may be a person's."""
    return {name: value for name, value in run.items() if name != "name"} if isinstance(run, dict) else run


def _summed(contents: dict[str, bytes]) -> dict[str, bytes]:
    return contents | {CHECKSUMS_FILE: checksums_text(contents).encode()}


def _zipped(contents: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in sorted(contents.items()):
            archive.writestr(zipfile.ZipInfo(name, EPOCH), data, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _card(run: Run, *, onnx: bool) -> str:
    with known_fields(run.path / METRICS_FILE, "metrics of a fit"):
        return card(run, onnx=onnx)


def card(run: Run, *, onnx: bool = False) -> str:
    """Return the model card of a head; ``onnx`` says whether it lies beside it in that form too."""
    metrics = run.metrics
    scores, score = metrics["valid"], "No clip was left to report on."
    if scores:
        score = f"Validation: mean {metrics['metric']} {score_text(scores[metrics['metric']]['mean'])}."
    parts = on_in(run)
    lines = [
        f"- Head: {parts}; {metrics['parameters']:,} parameters; {_width(run)}.",
        *_encoders(run),
        _settings(run),
        f"- Training: {metrics['statement']}.",
        f"- {score}",
    ]
    top = header(run, scores, metrics.get("interval"), onnx=onnx)
    return top + _text("a head on frozen speech features", run, lines)


def card_of_several(run: Run, listed: Mapping[str, Any], *, folds: bool, onnx: bool = False) -> str:
    """Return the model card of an ensemble or of the heads of a cross-validation.

    Args:
        run: the first of the heads, with the others.
        listed: content of ``ensemble.json`` or ``folds.json``.
        folds: whether they are folds.
        onnx: whether their mean lies beside them as an ONNX file.
    """
    heads, metric, metrics = [run, *run.others], run.config.metric, run.metrics
    size = f"{metrics['parameters']:,} parameters, each {on_in(run)}; {_width(run)}"
    if folds:
        found = listed["mean"]
        what = "the heads of a cross-validation on frozen speech features"
        how = f"- Training: each head on the clips of all folds but its own, {_divided(listed)}."
        score = (
            f"Mean {metric} over the folds {interval_text(found['estimate'], found['low'], found['high'])}: of "
            "each head alone, on the clips that it had not seen. What their mean prediction scores is not known: "
            "every labelled clip shaped all heads but one."
        )
    else:
        what = "an ensemble of heads on frozen speech features"
        how = f"- Training: {len(heads)} seeds of one config; of the first: {metrics['statement']}."
        score = "No clip was left to report on."
        if listed["valid"]:
            alone = ", ".join(score_text(head.metrics["valid"][metric]["mean"]) for head in heads)
            together = score_text(listed["valid"][metric]["mean"])
            score = (
                f"Validation: mean {metric} of the mean prediction {together}; of each head alone: {alone}."
            )
    lines = [
        f"- Heads: {len(heads)} of {size}. `emi-train predict` takes the mean of their predictions.",
        *(*_encoders(run), _settings(run), how, f"- {score}"),
    ]
    scores = {metric: _mean_over_folds(listed)} if folds else listed["valid"]
    return header(run, scores, listed["mean"] if folds else None, onnx=onnx) + _text(what, run, lines)


def _mean_over_folds(listed: Mapping[str, Any]) -> dict[str, Any]:
    """Return the scores of a cross-validation as those of a fit are kept."""
    targets = {name: found["estimate"] for name, found in listed.get("per_target", {}).items()}  # older: none
    return {"mean": listed["mean"]["estimate"], "per_target": targets}


def on_in(run: Run) -> str:
    """Return the method's parts that a head has: "LSTM, global mean, fusion head"; of several streams, of each."""
    fusion = {"fusion head": run.config.fusion_head}
    if not run.streams:
        return _on(_parts(run.config, fusion))
    each = [f"{name} ({_on(_parts(side.config, {}))})" for name, side in run.streams.items()]
    return f"{', '.join(each)}, fused by {run.config.fusion}" if run.config.fusion_head else ", ".join(each)


def _parts(config: FitConfig, fusion: Mapping[str, bool]) -> dict[str, bool]:
    return {"LSTM": config.lstm, "global mean": config.global_mean, **fusion, "VAD": config.vad}


def _on(parts: Mapping[str, bool]) -> str:
    return ", ".join(name for name, is_on in parts.items() if is_on)


def _width(run: Run) -> str:
    """Return how wide a frame is, of several streams in each."""
    widths = [str(side.inputs.shape.width) for side in run.sides.values()]
    return f"width {' + '.join(widths)}"


def _divided(listed: Mapping[str, Any]) -> str:
    return f"divided {in_markdown(str(listed.get('divided', 'as folds.json says')))}"


def _layer(side: Side) -> str:
    if isinstance(side.layer, tuple):
        return f"layers {', '.join(map(str, side.layer))}, weighted"
    return f"layer {side.layer}"


def _encoders(run: Run) -> list[str]:
    """Return a line on the encoder, or one for each stream."""
    lines = []
    for name, side in run.sides.items():
        source = side.recipe.encoder
        what = f"Encoder of {name}" if name else "Encoder"
        lines.append(
            f"- {what}: {source.get('model', 'unknown')}, revision {source.get('revision', 'unknown')}, "
            f"{_layer(side)}; frozen."
        )
    return lines


def _settings(run: Run) -> str:
    return f"- Settings: {in_markdown(in_a_line(settings_of(run.config.to_dict(), run)))}."


def _text(what: str, run: Run, lines: Sequence[str]) -> str:
    listed = "\n".join(lines)
    return (
        f"# Emotional mimicry intensity: {what}\n\n"
        f"Predicts {in_markdown(', '.join(run.targets.names))} from the sound of a clip.\n\n"
        f"{listed}\n\n"
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
    if path.suffix == PROJECTION_SUFFIX:
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
