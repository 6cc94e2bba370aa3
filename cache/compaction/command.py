"""The command ``emi-cache compact``, from its options to its report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cache.common import durable
from cache.common.console import json_ready
from cache.common.errors import CacheError
from cache.common.ids import KnownIds
from cache.common.progress import OnPhase
from cache.common.tables import Table, read_table, split_in_name, split_name
from cache.common.words import counted, size
from cache.compaction import measure
from cache.compaction.compact import Compacted, compact, options_of
from cache.compaction.fields import choose_for_size
from cache.compaction.options import CompactOptions, MeasureOptions
from cache.format import catalog, own_checksum
from cache.reader import CacheReader

KEYS = frozenset(
    {"clips", "bytes", "source_bytes", "pool", "project", "dtype", "fitted_on_clips", "explained", "fidelity"}
)


@dataclass(frozen=True)
class Report:
    """What was done and what it costs, for people and for machines."""

    text: str
    document: dict[str, Any]


def run(
    source: Path,
    target: Path,
    *,
    given: Mapping[str, Any],
    fit_on: Path | None,
    like: Path | None,
    max_gb: float | None,
    measured: MeasureOptions,
    on_phase: OnPhase,
) -> Report:
    """Make or continue a compact cache, measure it, and keep the measurement in its ``compact.json``.

    Raises:
        CacheError: options that exclude each other, or that do not fit the source.
        TableError: a target is no column of numbers.
    """
    if like and (fit_on or max_gb or {"pool", "project"} & given.keys()):
        raise CacheError("--like brings pool, project and projection along: leave the other options out")
    if max_gb and {"pool", "project"} & given.keys():
        raise CacheError("--max-gb chooses pool and project: leave --pool and --project out")
    options = replace(options_of(like), **given) if like else CompactOptions(**given)
    if max_gb:
        with CacheReader(source) as reader:
            options = choose_for_size(reader, max_gb, options)
    table = read_table(fit_on) if fit_on else None
    if measured.targets:
        if table is None:
            raise CacheError("--targets names columns of the table of --fit-on: give that, too")
        measure.require_numbers(table, measured.targets)  # before the hour, not after it
    ids = _fit_ids(table, source) if table else None
    made = compact(source, target, options, fit_on=ids, like=like, on_phase=on_phase)
    fidelity = None
    if measured.measure:
        fidelity = measure.measure(source, target, table, on_phase("measuring"), targets=measured.targets)
    document = _document(made, fidelity)
    durable.replace_file(target / catalog.REPORT, own_checksum.to_bytes(json_ready(document), indent=2))
    return Report(_text(made, fidelity, fit_on, like), document)


def _fit_ids(table: Table, source: Path) -> Sequence[str]:
    """Return the source's ids of a table's clips; those of its training split where it has one."""
    with CacheReader(source) as reader:
        known = KnownIds(reader.clip_ids)
    pairs = zip(table.ids(), table.written_ids(), strict=True)
    ids = [known.find(text) or clip_id for clip_id, text in pairs]
    column = table.split_column(split_is_named=bool(split_in_name(table.path.stem)))
    splits = [split_name(row[column]) for row in table.rows] if column else []
    if "train" not in splits:
        return ids
    return [clip_id for clip_id, split in zip(ids, splits, strict=True) if split == "train"]


def _document(made: Compacted, fidelity: measure.Fidelity | None) -> dict[str, Any]:
    return {
        "clips": made.clips,
        "bytes": made.num_bytes,
        "source_bytes": made.source_bytes,
        "pool": made.options.pool,
        "project": made.options.project,
        "dtype": made.options.dtype,
        "fitted_on_clips": len(made.projection.fitted_on),
        "explained": {name: axes.explained for name, axes in made.projection.axes.items()},
        "fidelity": measure.as_json(fidelity) if fidelity else None,
    }


def _text(made: Compacted, fidelity: measure.Fidelity | None, fit_on: Path | None, like: Path | None) -> str:
    options = made.options
    ratio = made.source_bytes / made.num_bytes if made.num_bytes else float("nan")
    lines = [
        f"{made.path}: {counted(made.clips, 'clip')}, {size(made.num_bytes)}, {ratio:.1f} × smaller "
        f"(pool {options.pool}, project {options.project or 'none'}, {options.dtype})"
    ]
    for name, axes in made.projection.axes.items():
        lines.append(
            f"  {name}: {axes.basis.shape[1]} of {axes.basis.shape[0]} axes keep {axes.explained:.1%} of the "
            f"variance of {counted(len(made.projection.fitted_on), 'clip')}"
        )
    if made.projection.axes and not made.projection.asked and not fit_on and not like:
        lines.append("  fitted on every clip, held-out ones too: name the training clips with --fit-on CSV")
    if fidelity:
        lines.append(measure.as_text(fidelity))
    return "\n".join(lines)
