"""The command ``emi-cache import``, from its options to its report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cache.common.console import in_one_line
from cache.common.errors import CacheError
from cache.common.progress import OnPhase
from cache.common.words import counted
from cache.imports.options import ImportOptions
from cache.imports.write import Imported, import_features

MAX_LISTED = 20


@dataclass(frozen=True)
class Report:
    """What was done, for people and for machines; ``is_listed``: some clips are not in the cache."""

    text: str
    document: dict[str, Any]
    is_listed: bool


def run(
    sources: Sequence[Path], out: Path | None, given: Mapping[str, Any], *, dry_run: bool, on_phase: OnPhase
) -> Report:
    """Import features, or say what would be imported.

    Raises:
        CacheError: as ``import_features``, or no folder was named to write to.
    """
    if out is None and not dry_run:
        raise CacheError("--out names the folder of the cache; --dry-run needs none")
    done = import_features(
        sources, out or Path("cache"), ImportOptions(**given), dry_run=dry_run, on_phase=on_phase
    )
    return Report("\n".join(_text(done)), _document(done), bool(done.failures))


def _document(done: Imported) -> dict[str, Any]:
    return {
        "out": str(done.path) if done.written else None,
        "clips": done.clips,
        "added": done.added,
        "changed": done.changed,
        "understood": list(done.understood.lines),
        "recipe": done.understood.recipe,
        "failures": [vars(failure) for failure in done.failures],
    }


def _text(done: Imported) -> list[str]:
    understood = done.understood
    planned = counted(len(understood.frames), "clip")
    if done.written:
        lines = [
            f"{done.path}: {done.clips} of {counted(len(understood.frames), 'clip')} cached, {done.added} added now"
        ]
    else:
        lines = [f"dry run, nothing written: {planned} to import"]
    lines += [f"  {line}" for line in understood.lines]
    if done.changed:
        lines.append(
            f"  {counted(done.changed, 'cached clip')} from files whose size or time has changed since; import "
            "them into a new folder"
        )
    if done.failures:
        reasons = Counter(failure.reason for failure in done.failures)
        lines.append(
            f"  {len(done.failures)} failed: {', '.join(f'{r} {n}' for r, n in sorted(reasons.items()))}"
        )
        lines += [f"    {f.clip_id}: {f.reason}: {f.message}" for f in done.failures[:MAX_LISTED]]
        if len(done.failures) > MAX_LISTED:
            where = f" in {done.path}/failures/" if done.written else ""
            lines.append(f"    and {len(done.failures) - MAX_LISTED} more{where}")
    return [in_one_line(line) for line in lines]
