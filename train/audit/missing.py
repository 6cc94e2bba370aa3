"""A check of the audit: how many labels are missing, and of which targets."""

from __future__ import annotations

from cache.common.words import counted
from train.audit.checks import PASSED, Check
from train.labels.missing import missing_counts, without_score
from train.labels.tables import Labels


def missing_labels(name: str, labels: Labels, *, reported: bool) -> list[Check]:
    """Return a line on the labels that are missing in a split; none if every clip has all.

    Args:
        name: of the split.
        labels: of its clips that the cache holds.
        reported: whether scores are computed on these clips.
    """
    missing, clips = missing_counts(labels.targets, labels.names), len(labels)
    if not missing and not labels.unlabelled:
        return []
    parts = [f"{target}: {count} of {clips} missing" for target, count in missing.items()]
    if labels.unlabelled:
        parts.append(f"{counted(labels.unlabelled, 'clip')} of the table without any label, left out")
    if reported and (lacking := without_score(missing, clips, len(labels.names))):
        parts.append(lacking)
    return [Check(f"labels, {name}", PASSED, "; ".join(parts))]
