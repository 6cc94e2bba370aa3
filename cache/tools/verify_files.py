"""What ``verify`` checks beside the shards: the projection, ``compact.json``, the lists of failed clips."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cache.commit.failures import damaged_lines
from cache.common import durable
from cache.common.errors import CacheError
from cache.common.words import counted
from cache.compaction import command
from cache.compaction.projection import FILE, Projection
from cache.format import catalog, own_checksum
from cache.format.json_values import require_keys
from cache.tools.finding import Finding


def check_files(path: Path, description: catalog.Description) -> tuple[list[Finding], int]:
    """Return what is wrong with them, and how many carry no checksum."""
    findings, unchecked = list(_ledgers(path)), 0
    for check in (_projection, _report):
        try:
            unchecked += not check(path, description)
        except CacheError as error:
            findings.append(Finding(FILE, str(error), repair=False))
        except (OSError, ValueError) as error:
            problem = f"{error}; emi-cache compact writes it again"
            findings.append(Finding(catalog.REPORT, problem, repair=False))
    return findings, unchecked


def _projection(path: Path, description: catalog.Description) -> bool:
    return description.recipe.projection_sha256 is None or Projection.load(path).has_checksum


def _report(path: Path, _: catalog.Description) -> bool:
    try:
        data = durable.read_regular(path / catalog.REPORT)
    except FileNotFoundError:
        return True
    value, has_checksum = own_checksum.from_bytes(data)
    require_keys(value, command.KEYS, exactly=not has_checksum)
    return has_checksum


def _ledgers(path: Path) -> Iterator[Finding]:
    try:
        damaged = damaged_lines(path)
    except CacheError as error:
        yield Finding(catalog.FAILURES, str(error), repair=False)
        return
    for name, count in damaged.items():
        problem = f"{counted(count, 'line')} damaged; remove it, the next run lists its failed clips again"
        yield Finding(f"{catalog.FAILURES}/{name}", problem, repair=False)
