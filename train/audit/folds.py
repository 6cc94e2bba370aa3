"""The audit of folds: what all of them have in common once, and of what differs which folds it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from train.audit.audit import audit_splits
from train.audit.checks import FAILED, NOT_CHECKED, PASSED, Audit, Check
from train.labels.coverage import opened
from train.labels.tables import Splits
from train.streams.stream_set import Caches, Source

NAMED = 5  # folds whose findings are named in a line


def audit_parts(
    caches: Mapping[str, Caches],
    parts: Mapping[str, Splits],
    *,
    strict: bool = False,
    by_speaker: bool = False,
) -> Audit:
    """Audit a study before its first fit: its split, or all of its folds.

    Args:
        caches: by name; with several, each line names its cache.
        parts: labels of the fits by the folds' names, or a single split.
        strict: refuse to go on if a check failed.
        by_speaker: whether a fit is standardised by speaker.

    Raises:
        AuditError: if a check failed and ``strict`` is on.
    """
    checks: list[Check] = []
    for cache, path in caches.items():
        with opened(path) as reader:
            own = joined(audit_folds(reader, parts, by_speaker)).checks
        checks += [replace(each, name=f"{cache}: {each.name}") for each in own] if len(caches) > 1 else own
    found = Audit(tuple(checks))
    if strict:
        found.require()
    return found


def audit_folds(reader: Source, folds: Mapping[str, Splits], by_speaker: bool = False) -> dict[str, Audit]:
    """Audit each fold's split.

    Args:
        reader: the cache.
        folds: labels by the folds' names.
        by_speaker: whether a fit is standardised by speaker.
    """
    return {name: audit_splits(reader, splits, by_speaker=by_speaker) for name, splits in folds.items()}


def joined(audits: Mapping[str, Audit]) -> Audit:
    """Return one audit of all folds: each check once, failed if it failed in one of them.

    Args:
        audits: by the folds' names; a single one is returned as it is. A check that some folds have no cause
            for, such as of missing labels, is that of the others.
    """
    if len(audits) == 1:
        return next(iter(audits.values()))
    names = dict.fromkeys(check.name for audit in audits.values() for check in audit.checks)
    by_fold = {fold: {check.name: check for check in audit.checks} for fold, audit in audits.items()}
    rows = [{fold: own[name] for fold, own in by_fold.items() if name in own} for name in names]
    return Audit(tuple(map(_joined, rows)))


def _joined(checks: Mapping[str, Check]) -> Check:
    """Return one check of all folds; of what differs, the worst."""
    first = next(iter(checks.values()))
    if len({(check.outcome, check.detail) for check in checks.values()}) == 1:
        return first
    outcomes = {check.outcome for check in checks.values()}
    worst = next(outcome for outcome in (FAILED, NOT_CHECKED, PASSED) if outcome in outcomes)
    mine = {name: check.detail for name, check in checks.items() if check.outcome == worst}
    most = 1 if worst == PASSED else NAMED
    shown = "; ".join(f"{name}: {detail}" for name, detail in list(mine.items())[:most])
    more = " and so on" if len(mine) > most else ""
    return replace(first, outcome=worst, detail=f"{len(mine)} of {len(checks)} folds, {shown}{more}")
