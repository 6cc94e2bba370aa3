"""The card of a student: whose words it has learned, under which licence, how well, how fast, how large."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from cache.common.words import counted, in_markdown
from cache.format.recipe import Recipe
from train.runs.model_card import as_header, base_model, licence_of

TAGS = ("emi-fusion", "speech", "audio", "distillation", "affective-computing")


def card(config: Mapping[str, Any], metrics: Mapping[str, Any]) -> str:
    """Return the Markdown of a student's README.

    Args:
        config: its ``config.json``.
        metrics: its ``metrics.json``.
    """
    teacher = Recipe(config["teacher"])
    header = as_header(
        {**licence_of(teacher), "library_name": "emi-fusion", **base_model(teacher), "tags": list(TAGS)}
    )
    name = in_markdown(str(teacher.get("model")))
    learned = in_markdown(", ".join(config["dimensions"])) or "nothing of clips"
    hidden = f", and {config['hidden']} components of its frames" if config["hidden"] else ""
    return f"""{header}# A student of {name}

A network of {config["parameters"]:,} learned parameters ({metrics["bytes"] / 1e3:.0f} KB) that hears log-mel frames
and says what its teacher says of each frame and clip: {learned}{hidden}. Made by `emi-train distil`; use it
with `emi-extract run CLIPS --model FOLDER --out CACHE`.

**Licence.** It was learned from what its teacher's weights say, and shares their licence: {_licence(config)}

**Agreement with the teacher** on {_heard(metrics)}.

{_table(metrics)}
It says what the teacher says, not what people feel. Published students of this kind lose most of valence.

**Speed**: {metrics["times_real_time"]:.0f} × real time on one core, from log-mel frames on
(`emi-extract run` adds reading and the log-mel itself). Trained for {metrics["epoch_seconds"]:.2f} s an epoch.
"""


def _licence(config: Mapping[str, Any]) -> str:
    return in_markdown(str(config["licence"]) or "not stated by the teacher's cache")


def _heard(metrics: Mapping[str, Any]) -> str:
    scores = metrics["scores"]
    if "ccc" not in scores:
        return f"{counted(scores['frames'], 'frame')} that it had not heard"
    by = scores["ccc"]["mean"]["by"]
    people = f"of {scores['ccc']['mean']['clusters']} speakers" if by == "speaker" else "of unknown speakers"
    found = f"{counted(scores['clips'], 'clip')} {people} that it had not heard"
    if scores.get("heard_speakers"):
        found = (
            f"{counted(scores['clips'], 'clip')} that it had not heard, {people}, of whom it had heard "
            f"{scores['heard_speakers']} in other clips: on other people it is worse"
        )
    return found


def _table(metrics: Mapping[str, Any]) -> str:
    scores = metrics["scores"]
    lines = []
    if "ccc" in scores:
        lines += ["| of clips | CCC | 95 % interval | of frames |", "|---|---|---|---|"]
        for name, each in scores["ccc"].items():
            frames = scores["frame_ccc"].get(name)
            lines.append(
                f"| {in_markdown(name)} | {number(each['estimate'])} | {number(each['low'])} to "
                f"{number(each['high'])} | {number(frames) if frames is not None else ''} |"
            )
        lines.append("")
    if scores["hidden_r2"] is not None:
        lines += [
            f"Of the variance of the teacher's components its frames give {scores['hidden_r2']:.1%}.",
            "",
        ]
    return "\n".join(lines)


def number(value: float | None) -> str:
    """Return a score in words; one of a constant column is undefined."""
    return "undefined" if value is None or math.isnan(value) else f"{value:.3f}"
