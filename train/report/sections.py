"""Sections of a report: its tables, what chance reaches, audit, environment, commands that make it again."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cache.common.words import in_markdown, in_one_line
from train.audit.checks import Audit
from train.checksums import known_fields, read_json
from train.files import CONFIG_FILE, COVERAGE_FILE, ENVIRONMENT_FILE
from train.report.fit_command import fit_command, of_one_config
from train.report.settings_section import is_head
from train.report.styles import markdown_table
from train.report.table import interval_cell
from train.report.terminal import few_orders
from train.scores.estimates import Interval
from train.scores.permutation import FEW_ORDERS, Null, orders_of, orders_within
from train.scores.targets import metrics_of
from train.scores.wording import NOTHING, few_orders_warning, metric_sign, p_text, score_text, typeset
from train.studies.study import RowResult, Study

MOST_NAMED = 12  # folds that one cell names
TWENTY = 20  # orders; of fewer the most extreme one is no case of twenty
SKIPPED = (
    "identity",
    "inputs",
    "label_files",
    "speakers",
    "speaker_table",
    "versions",
)  # of an environment: shown elsewhere, or too long


def emotions_section(study: Study, intervals: Mapping[str, Sequence[Interval]]) -> str:
    """Return every row's score for each emotion, with its interval."""
    rows = [[name, *map(interval_cell, each)] for name, each in intervals.items()]
    return markdown_table(["", *study.names], rows)


def metrics_section(study: Study, means: Mapping[str, Mapping[str, float]]) -> str:
    """Return all metrics of every row, means over seeds and emotions, unclipped and clipped."""
    shown = metrics_of(study.truth)
    header = [
        "",
        *(metric_sign(name) for name in shown),
        *(f"{metric_sign(name)}, clipped" for name in shown),
    ]
    keys = [f"{part} {name}" for part in ("valid", "valid_clipped") for name in shown]
    rows = [
        [row.name, *(typeset(score_text(means[row.name].get(key))) for key in keys)] for row in study.rows
    ]
    return markdown_table(header, rows)


def null_section(study: Study, null: Null, row: str | None = None) -> str:
    """Say what chance alone reaches with the predictions of ``row``, by default the reference's."""
    sign = metric_sign(study.metric)
    clusters = len(set(study.speakers)) if null.by == "speaker" else len(study.truth)
    orders = orders_within(study.in_folds(study.truth[None])) if study.folds else orders_of(clusters)
    few, beyond, where = few_orders(clusters, null.by), "", ""
    if study.folds:
        where = " of their fold"
        few = few_orders_warning(clusters, null.by, orders) if orders <= FEW_ORDERS else ""
    if orders >= TWENTY:
        beyond = f" and beyond {score_text(null.upper)} in one case of twenty"
    return (
        f"With the predictions of “{in_markdown(row or study.reference)}” given to the wrong {null.by}s{where} "
        f"({null.permutations} permutations), mean {sign} is {score_text(null.mean)} on average{beyond}; as it is, "
        f"it is {score_text(null.observed)} ({p_text(null.p_value)}){few}."
    )


def audit_section(path: Path) -> str:
    """Return the audit of a folder as a table."""
    audit = Audit.load(path)
    if audit is None:
        return "Not checked: this folder was made without an audit."
    rows = [[check.outcome, check.name, check.detail] for check in audit.checks]
    return markdown_table(["outcome", "check", "found"], rows)


def folds_audit_section(folds: Sequence[Path]) -> str:
    """Return the audits of several runs: a row for each outcome of a check, with the runs that have it."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for path in folds:
        audit = Audit.load(path)
        for check in audit.checks if audit else ():
            found.setdefault((check.name, check.outcome), {})[path.name] = check.detail
    if not found:
        return "Not checked: these folds were made without an audit."
    order = {name: place for place, name in enumerate(dict.fromkeys(name for name, _ in found))}
    rows = [
        [outcome, name, _of_folds(list(details), len(folds)), _details(details)]
        for (name, outcome), details in sorted(
            found.items(), key=lambda item: (order[item[0][0]], item[0][1])
        )
    ]
    return markdown_table(["outcome", "check", "folds", "found"], rows)


def _of_folds(names: Sequence[str], folds: int) -> str:
    return "all" if len(names) == folds else ", ".join(names[:MOST_NAMED]) + _and_more(len(names))


def _details(details: Mapping[str, str]) -> str:
    """Say what was found: once where it is the same, else fold by fold."""
    if len(set(details.values())) == 1:
        return next(iter(details.values()))
    shown = [f"{name}: {detail}" for name, detail in list(details.items())[:MOST_NAMED]]
    return "; ".join(shown) + _and_more(len(details))


def _and_more(count: int) -> str:
    return f" and {count - MOST_NAMED} more" if count > MOST_NAMED else ""


def coverage_section(runs: Sequence[Path]) -> str:
    """Return, of every run, how many labelled clips of a split the cache holds, and what it or a stream lacks."""
    rows: list[list[str]] = []
    absent: list[list[str]] = []
    for run in runs:
        if not (run / COVERAGE_FILE).exists():
            continue
        known = read_json(run / COVERAGE_FILE)
        with known_fields(run / COVERAGE_FILE, "a coverage"):
            for part in ("train", "valid"):
                each = known.get(part)
                if each is not None:
                    counts = [str(int(each["labelled"])), str(int(each["cached"]))]
                    rows.append([_shown_run(run), part, *counts, _lacking(list(map(str, each["missing"])))])
            absent += [[_shown_run(run), *each] for each in _absent(known.get("streams", {}))]
    if not rows:
        return "Not known: no run tells how many of the labelled clips the cache holds."
    table = markdown_table(["run", "split", "labelled", "in the cache", "not in the cache"], rows)
    if not absent:
        return table
    some = [row for row in absent if row[3] != "0"]  # folds have many others
    if not some:
        return f"{table}\n\nNo stream lacks a clip that another one holds."
    streams = markdown_table(["run", "stream", "split", "absent", "which"], some)
    return f"{table}\n\nClips that a stream lacks, of those that another one holds:\n\n{streams}"


def _absent(streams: Mapping[str, Mapping[str, Sequence[str]]]) -> list[list[str]]:
    """Return a row for each stream and split: how many clips it lacks, and which."""
    return [
        [str(name), str(part), str(len(lacking)), _lacking(list(map(str, lacking)))]
        for name, parts in streams.items()
        for part, lacking in parts.items()
    ]


def _shown_run(run: Path) -> str:
    """Return the name of a run's folder; of one among seeds of a fold, with the fold's."""
    folder = run.resolve()
    return f"{folder.parent.name}/{folder.name}" if folder.name.startswith("seed-") else folder.name


def _lacking(missing: Sequence[str]) -> str:
    return (", ".join(missing[:MOST_NAMED]) or NOTHING) + _and_more(len(missing))


def environment_section(run: Path) -> str:
    """Return what else decided the bits of a run."""
    path = run / ENVIRONMENT_FILE
    known = read_json(path)
    with known_fields(path, "an environment"):
        rows = [
            [name.replace("_", " "), _text(value)] for name, value in known.items() if name not in SKIPPED
        ]
        rows += [[f"{name} version", str(text)] for name, text in known.get("versions", {}).items()]
        tables = {**known.get("label_files", {}), **known.get("speaker_table", {})}
        rows += [[f"sha256 of {Path(name).name}", str(digest)] for name, digest in tables.items()]
    return markdown_table(["", ""], rows)


def reproduce_section(study: Study) -> str:
    """Return, for every row, the commands that make it again: compared bit by bit, and anew."""
    lines = ["```sh"]
    for row in study.rows:
        runs = [study.path / run for run in row.runs]
        lines += [
            f"# {in_one_line(row.name)}",
            *dict.fromkeys(_command(run) for run in runs),
            *(_fits(study, row) if is_head(row) else []),
        ]
    if len({row.cache for row in study.rows if is_head(row)}) > 1:
        lines.append(
            "# rows of several caches were fitted on the clips that all of them hold: these take all clips"
        )
    return "\n".join([*lines, "```"])


def _fits(study: Study, row: RowResult) -> list[str]:
    """Return the commands that fit a row anew: one for all its seeds where they follow each other."""
    runs = [study.path / run for run in row.runs]
    folder = runs[0].resolve()
    if len(runs) == 1:
        name = folder.parent.name if "/" in row.runs[0] else folder.name
        return [fit_command(runs[0], f"again/{name}")]
    out = f"again/{folder.parent.name}"
    if of_one_config(runs):
        return [fit_command(runs[0], out, ["--ensemble", str(len(runs))])]
    return [fit_command(run, f"{out}/{run.name}") for run in runs]


def _command(run: Path) -> str:
    """Return the command that fits a run again and compares the bits; baselines are made all at once."""
    if "baseline" not in read_json(run / CONFIG_FILE):
        return shlex.join(["emi-train", "reproduce", str(run)])
    path = run / ENVIRONMENT_FILE
    with known_fields(path, "an environment"):
        inputs: dict[str, Any] = read_json(path)["inputs"]
        words = ["emi-train", "baseline", str(inputs["cache"])]
        for name in ("train", "valid", "labels", "speakers"):
            words += [f"--{name}", str(inputs[name])] if inputs.get(name) else []
        words += ["--targets", ",".join(inputs["targets"])] if inputs.get("targets") else []
    return shlex.join([*words, "--out", "again"])


def _text(value: Any) -> str:
    if isinstance(value, dict):
        value = [f"{name} {each}" for name, each in value.items()]
    return (", ".join(map(str, value)) or NOTHING) if isinstance(value, list) else str(value)
