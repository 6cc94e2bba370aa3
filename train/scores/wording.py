"""Words for scores: every formatter of numbers that terminal, tables, pictures and messages share.

Values come in, text goes out; nothing here loads numpy or torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite, isnan

from cache.common.words import counted, in_one_line
from train.scores.estimates import Interval
from train.scores.registry import traits_of

UNDEFINED, NOTHING = "undefined", "–"  # a score that does not exist; a cell that has nothing to say
WITHIN_GROUPS = "a score within a group is not comparable with one over all: the labels vary less there"
SMALLEST_P = 0.001
ENOUGH_ORDERS = 720  # of predictions within folds: those of six speakers


def score_text(value: float | None) -> str:
    """Return a score as people read it: three decimals, or "undefined"."""
    return UNDEFINED if value is None or isnan(value) else f"{value:.3f}"


def typeset(text: str) -> str:
    """Return text for tables and pictures, with the sign that typesetters use for minus."""
    return text.replace("-", "−")


def interval_text(estimate: float | None, low: float | None, high: float | None) -> str:
    """Return a score with its interval, "undefined" or without ends where it is so."""
    if estimate is None or not isfinite(estimate):
        return UNDEFINED
    if low is None or not isfinite(low):
        return f"{score_text(estimate)} [no interval]"
    return f"{score_text(estimate)} [{score_text(low)}, {score_text(high)}]"


def p_text(value: float | None) -> str:
    """Return a p-value in a sentence."""
    if value is None or isnan(value):
        return f"p {UNDEFINED}"
    return f"p = {value:.3f}" if value >= SMALLEST_P else f"p < {SMALLEST_P}"


def p_cell(value: float | None) -> str:
    """Return a p-value in a column of them; a dash where there is none."""
    if value is None or not isfinite(value):
        return NOTHING
    return f"{value:.3f}" if value >= SMALLEST_P else f"<{SMALLEST_P}"


def spread_cell(value: float) -> str:
    """Return a standard deviation in a column of them; a dash where there is none."""
    return f"{value:.3f}" if isfinite(value) else NOTHING


def metric_sign(metric: str) -> str:
    """Return a metric as tables and pictures call it: "ρ".

    Raises:
        LabelError: if there is no such metric.
    """
    return traits_of(metric).sign


def why_no_interval(interval: Interval) -> str:
    """Say why a defined score has no interval; nothing if it has one."""
    if interval.method != "none" or isnan(interval.estimate):
        return ""
    if interval.clusters < 2:
        return f"a single {interval.by} does not tell how much scores vary"
    return f"with one of the {interval.by}s left out the score is undefined: a column is constant then"


def interval_caption(interval: Interval, fitted: str = "seed") -> str:
    """Say in one line what an interval is: level, method, speakers, seeds (or what else was fitted), warnings."""
    people = "clip-level, speakers unknown"
    if interval.by == "speaker":
        people = _clusters_text(interval.clusters, interval.effective, "speaker")
    seeds = f"one {fitted}, so without the variation between {fitted}s"
    if interval.seeds > 1:
        seeds = f"{interval.seeds} seeds"
    warned = "".join(f"; {warning}" for warning in interval.warnings)
    return f"{_kind_of(interval)} ({people}; {seeds}){warned}"


def few_clusters_warning(clusters: int, effective: float, by: str) -> str:
    """Warn of an interval that rests on few speakers (or clips)."""
    return f"warning: only {_clusters_text(clusters, effective, by)}, too few to trust the interval"


def two_seeds_warning() -> str:
    """Warn of an interval whose part between seeds is known from a single difference."""
    return "warning: only 2 seeds: how much seeds vary is guessed from a single difference; take 3 or more"


def few_orders_warning(clusters: int, by: str, orders: int) -> str:
    """Warn of a permutation test with so few orders that the true one is often among them."""
    few = f"{counted(clusters, by)} in {counted(orders, 'order')}"
    return f"; warning: only {few}, p cannot be below {1 / orders:.2g}"


def few_fold_orders_warning(orders: int) -> str:
    """Warn of permutations within folds in so few orders that the true one is often among them; else nothing."""
    if orders > ENOUGH_ORDERS:
        return ""
    return (
        f"; warning: only {counted(orders, 'order')} within the folds, the right one of each fold among them: "
        f"p cannot be below {1 / orders:.2g} and what chance reaches is too high"
    )


def aligned(rows: Sequence[Sequence[str]], right: Sequence[bool] = (), gap: str = "  ") -> list[str]:
    """Return rows of cells as lines with aligned columns, without blanks at their end.

    Args:
        rows: the first may be a header.
        right: whether each column stands to the right; those not named stand to the left.
        gap: between columns.
    """
    rows = [[in_one_line(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    sides = [*right, *(False for _ in widths[len(right) :])]
    return [
        gap.join(
            cell.rjust(width) if side else cell.ljust(width)
            for cell, width, side in zip(row, widths, sides, strict=True)
        ).rstrip()
        for row in rows
    ]


def _kind_of(interval: Interval) -> str:
    if interval.method == "none":
        why = why_no_interval(interval)
        return f"no interval: {why}" if why else "no interval"
    return f"{100 * interval.level:.0f} % {interval.method} interval"


def _clusters_text(clusters: int, effective: float, by: str) -> str:
    """Return "60 speakers", and as how many of equal size they count where that is fewer."""
    shown = f"{effective:.1f}" if effective < 9.95 else f"{effective:.0f}"
    equal = effective > clusters - 0.05 or shown == str(clusters)
    return counted(clusters, by) if equal else f"{counted(clusters, by)} of unequal size, effectively {shown}"


def unlearned_lines(lacking: Mapping[str, int]) -> list[str]:
    """Return a warning for each stream in whose place values stand that were never learned, with its clips."""
    return [
        f"warning: {name} lacks {counted(count, 'clip')}, and the values that stand in were never learned: the "
        "head was trained on no clip without this stream; fit it with --stream-dropout to teach them"
        for name, count in lacking.items()
    ]
