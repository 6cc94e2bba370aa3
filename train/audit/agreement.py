"""A check of the audit: how alike the annotators of a split rate, and how far a perfect prediction would get."""

from __future__ import annotations

from train.audit.checks import PASSED, Check
from train.labels.agreement import agreement, agreement_text, partial_annotators
from train.labels.tables import Labels, listed


def annotators(name: str, labels: Labels) -> list[Check]:
    """Return a line on the agreement of annotators in a split; none where labels are of one each.

    Args:
        name: of the split.
        labels: of its clips that the cache holds.
    """
    if labels.ratings is None:
        return []
    each = {target: agreement(labels.ratings, at) for at, target in enumerate(labels.names)}
    parts = [agreement_text(target, found) for target, found in each.items() if found]
    if some := partial_annotators(labels.ratings):
        parts.append(f"of some targets only: {listed(some)}")
    return [Check(f"annotators, {name}", PASSED, "; ".join(parts))]
