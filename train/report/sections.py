"""Words of a report in clips → extract → cache → train → intensities: its tables, audit, environment."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from train.files import CONFIG_FILE, ENVIRONMENT_FILE, read_json
from train.report.table import interval_text
from train.runs.plots import metric_sign
from train.scores.audit import Audit
from train.scores.evidence import few_orders, orders_of, shown_p
from train.scores.intervals import Interval
from train.scores.metrics import METRICS, shown
from train.scores.permutation import Null
from train.studies.study import Study

SKIPPED = ("identity", "inputs", "label_files", "versions")  # of an environment: shown elsewhere, or too long


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table as GitHub's Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in lines)


def emotions_section(study: Study, intervals: Mapping[str, Sequence[Interval]]) -> str:
    """Return every row's score for each emotion, with its interval."""
    rows = [[name, *map(interval_text, each)] for name, each in intervals.items()]
    return markdown_table(["", *study.names], rows)


def metrics_section(study: Study, means: Mapping[str, Mapping[str, float]]) -> str:
    """Return all metrics of every row, means over seeds and emotions, unclipped and clipped."""
    header = [
        "",
        *(metric_sign(name) for name in METRICS),
        *(f"{metric_sign(name)}, clipped" for name in METRICS),
    ]
    keys = [f"{part} {name}" for part in ("valid", "valid_clipped") for name in METRICS]
    rows = [[row.name, *(_cell(means[row.name].get(key)) for key in keys)] for row in study.rows]
    return markdown_table(header, rows)


def null_section(study: Study, null: Null) -> str:
    """Say what chance alone reaches."""
    sign = metric_sign(study.metric)
    clusters = len(set(study.speakers)) if null.by == "speaker" else len(study.truth)
    # With fewer orders than twenty the most extreme one is no case of twenty.
    beyond = f" and beyond {shown(null.upper)} in one case of twenty" if orders_of(clusters) >= 20 else ""
    return (
        f"With the predictions of “{study.reference}” given to the wrong {null.by}s ({null.permutations} "
        f"permutations), mean {sign} is {shown(null.mean)} on average{beyond}; as it is, it is "
        f"{shown(null.observed)} ({shown_p(null.p_value)}){few_orders(clusters, null.by)}."
    )


def audit_section(path: Path) -> str:
    """Return the audit of a folder as a table."""
    found = Audit.load(path)
    if found is None:
        return "Not checked: this folder was made without an audit."
    checks = found.checks
    return markdown_table(["outcome", "check", "found"], [[c.outcome, c.name, c.detail] for c in checks])


def environment_section(run: Path) -> str:
    """Return what else decided the bits of a run."""
    found = read_json(run / ENVIRONMENT_FILE)
    rows = [[name.replace("_", " "), _text(value)] for name, value in found.items() if name not in SKIPPED]
    rows += [[f"{name} version", text] for name, text in found.get("versions", {}).items()]
    rows += [
        [f"sha256 of {Path(name).name}", digest] for name, digest in found.get("label_files", {}).items()
    ]
    return markdown_table(["", ""], rows)


def reproduce_section(study: Study) -> str:
    """Return, for every row, the command that makes it again."""
    lines = ["```sh"]
    for row in study.rows:
        lines += [f"# {row.name}", *dict.fromkeys(_command(study.path / run) for run in row.runs)]
    return "\n".join([*lines, "```"])


def _command(run: Path) -> str:
    """Return the command that fits a run again and compares the bits; baselines are made all at once."""
    if "baseline" not in read_json(run / CONFIG_FILE):
        return shlex.join(["emi-train", "reproduce", str(run)])
    inputs: dict[str, Any] = read_json(run / ENVIRONMENT_FILE)["inputs"]
    words = ["emi-train", "baseline", str(inputs["cache"])]
    for name in ("train", "valid", "labels", "speakers"):
        words += [f"--{name}", str(inputs[name])] if inputs.get(name) else []
    words += ["--targets", ",".join(inputs["targets"])] if inputs.get("targets") else []
    return shlex.join([*words, "--out", "again"])


def _cell(value: float | None) -> str:
    return shown(value).replace("-", "−")


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
