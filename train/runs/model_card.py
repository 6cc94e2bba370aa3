"""The head of a model card as model hubs read it: licence, tags, and scores with their intervals, as YAML."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from cache.format.recipe import Recipe
from train.runs.run_folder import Run

# Owners of encoders → the licence of their weights, which holds for what is computed with them, in the hub's words.
LICENCES = {"audeering/": "cc-by-nc-sa-4.0"}
LOCAL, BUILT_IN = "local", "built in"  # what recipes say of an encoder in a folder; of one without weights
TAGS = ("emi-fusion", "speech", "audio", "emotion", "affective-computing", "regression")
TASK = {
    "type": "audio-classification",
    "name": "Emotional mimicry intensity",
}  # hubs have no word for this task
NO_DATA = "not included; see the text"


def header(
    run: Run, scores: Mapping[str, Any] | None, interval: Mapping[str, Any] | None, *, onnx: bool
) -> str:
    """Return the YAML between two lines of dashes.

    Args:
        run: of the head, or of the first of several.
        scores: metric → mean and per_target, of the clips that are reported on; None where there are none.
        interval: of the mean of the metric that chose the epoch: low, high, level (0.95), by; None where it is
            not known.
        onnx: whether the bundle holds the head as ONNX too.
    """
    encoders = [side.recipe.encoder for side in run.sides.values()]
    fields: dict[str, Any] = {
        **licence_of(*encoders),
        "library_name": "emi-fusion",
        **base_model(*encoders),
        "tags": [*TAGS, *(["onnx"] if onnx else [])],
    }
    metrics = _metrics(run.config.metric, scores or {}, interval or {})
    if metrics:
        result = {"task": TASK, "dataset": {"type": "private", "name": NO_DATA}, "metrics": metrics}
        fields["model-index"] = [
            {"name": f"Intensity of {', '.join(run.targets.names)}", "results": [result]}
        ]
    return as_header(fields)


def as_header(fields: Mapping[str, Any]) -> str:
    """Return fields as YAML between two lines of dashes."""
    return "---\n" + "".join(f"{name}:{_yaml(value)}\n" for name, value in fields.items()) + "---\n\n"


def licence_of(*encoders: Recipe) -> dict[str, str]:
    """Return the licence of what was made with encoders' weights, in the hub's words: that of all, if it is one."""
    models = [str(each.get("model")) for each in encoders if each.get("revision") != BUILT_IN]
    if not models:
        return {}  # no weights but the head's own: whoever trained it decides
    known = {
        next((licence for owner, licence in LICENCES.items() if model.startswith(owner)), None)
        for model in models
    }
    (licence,) = known if len(known) == 1 else (None,)
    if licence is not None:
        return {"license": licence}
    return {"license": "other", "license_name": "that-of-the-encoder-s-weights"}


def base_model(*encoders: Recipe) -> dict[str, Any]:
    """Return the hub ids of encoders, of those that have one."""
    models = [str(each.get("model")) for each in encoders]
    named = list(dict.fromkeys(model for model in models if model.count("/") == 1))
    return {"base_model": named if len(named) > 1 else named[0]} if named else {}


def _metrics(leading: str, scores: Mapping[str, Any], interval: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the leading metric's mean with its interval, then its scores of each target, then other means."""
    found: list[dict[str, Any]] = []
    for name in sorted(scores, key=lambda each: (each != leading, each)):
        values = scores[name]
        if values["mean"] is not None:
            found.append({"type": name, "name": f"{name}, mean over targets", "value": values["mean"]})
        if name == leading:
            found += [
                {"type": name, "name": f"{name}, {target}", "value": value}
                for target, value in values["per_target"].items()
                if value is not None
            ]
    if (
        found
        and found[0]["type"] == leading
        and interval.get("low") is not None
        and interval.get("high") is not None
    ):
        known = {name: interval[name] for name in ("low", "high", "level", "by") if name in interval}
        found[0]["name"] += f", 95 % [{known['low']:.3f}, {known['high']:.3f}]"
        found[0]["name"] += f" by {known['by']}" if "by" in known else ""
        found[0]["args"] = known
    return found


def _yaml(value: Any, depth: int = 0) -> str:
    """Return a value as YAML behind a colon: text and numbers as JSON writes them, which is YAML too."""
    space = "\n" + "  " * depth
    if isinstance(value, Mapping):
        return "".join(f"{space}  {name}:{_yaml(each, depth + 1)}" for name, each in value.items())
    if isinstance(value, list):
        return "".join(f"{space}-{_item(each, depth)}" for each in value)
    return f" {json.dumps(value, ensure_ascii=False)}"


def _item(value: Any, depth: int) -> str:
    """Return an entry of a list: the first field of an object follows the dash."""
    text = _yaml(value, depth)
    return " " + text.lstrip("\n ") if isinstance(value, Mapping) else text
