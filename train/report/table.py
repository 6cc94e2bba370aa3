"""Tables in clips → extract → cache → train → intensities: a study as text, Markdown, CSV and LaTeX."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from train.runs.plots import metric_sign
from train.scores.intervals import LIMITS, Interval, difference_of, holm, interval_of
from train.scores.metrics import shown
from train.scores.resampling import Resampler
from train.studies.study import Study

RESAMPLES = 2000
SMALLEST_P = 0.001


class Column(NamedTuple):
    """One column: its title and a cell for each row."""

    title: str
    cells: list[str]


ColumnProvider = Callable[[Study], list[Column]]


@dataclass(frozen=True)
class Table:
    """Columns of text and what they are.

    Attributes:
        columns: the first one names the rows.
        caption: one or more sentences.
    """

    columns: tuple[Column, ...]
    caption: str

    @property
    def _rows(self) -> list[tuple[str, ...]]:
        return list(zip(*(column.cells for column in self.columns), strict=True))

    @property
    def _titles(self) -> list[str]:
        return [column.title for column in self.columns]

    def text(self) -> str:
        """Return the table aligned for a terminal, the caption below."""
        widths = [max(map(len, [column.title, *column.cells])) for column in self.columns]
        lines = []
        for row in [tuple(self._titles), *self._rows]:
            first, *others = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            lines.append("  ".join([first, *others]).rstrip())
        return "\n".join([*lines, "", self.caption])

    def markdown(self) -> str:
        """Return the table as GitHub's Markdown."""
        rows = [self._titles, ["---"] * len(self.columns), *self._rows]
        lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
        return "\n".join([*lines, "", self.caption]) + "\n"

    def csv(self) -> str:
        """Return the table as comma-separated values, without the caption."""
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([self._titles, *self._rows])
        return text.getvalue()

    def latex(self) -> str:
        """Return the table as LaTeX for the booktabs package."""
        rows = [" & ".join(map(_latex, row)) + r" \\" for row in self._rows]
        head = " & ".join(map(_latex, self._titles)) + r" \\"
        layout = "l" + "r" * (len(self.columns) - 1)
        body = "\n    ".join([r"\toprule", head, r"\midrule", *rows, r"\bottomrule"])
        return (
            f"\\begin{{table}}\n  \\caption{{{_latex(self.caption)}}}\n"
            f"  \\begin{{tabular}}{{{layout}}}\n    {body}\n  \\end{{tabular}}\n\\end{{table}}\n"
        )


@dataclass(frozen=True)
class Scores:
    """Score of each row, and its difference from the reference; both (rows,).

    Attributes:
        intervals: of the scores.
        differences: row minus reference; None for the reference itself, and where one is undefined.
        p_values: of the differences, corrected after Holm; NaN for the reference.
        spread: standard deviation over seeds; NaN with one seed.
    """

    intervals: list[Interval]
    differences: list[Interval | None]
    p_values: list[float]
    spread: list[float]


def score_rows(study: Study, resamples: int = RESAMPLES, seed: int = 0) -> Scores:
    """Score every row of a study with the same draws of speakers and seeds."""
    resampler = Resampler.of(len(study.truth), study.speakers, resamples, seed)
    draws = {r.name: resampler.scores(study.truth, study.predictions(r), study.metric) for r in study.rows}
    defined = [row.name for row in study.rows if np.isfinite(draws[row.name].estimate).all()]
    others = [name for name in defined if name != study.reference and study.reference in defined]
    found = {
        name: difference_of(resampler, draws[name], draws[study.reference], study.metric) for name in others
    }
    corrected = dict(zip(others, holm([found[name].p_value for name in others]), strict=True))
    spread = [_spread(study, row.name) for row in study.rows]
    return Scores(
        [interval_of(resampler, draws[row.name]).within(*LIMITS[study.metric]) for row in study.rows],
        [found[row.name].interval if row.name in found else None for row in study.rows],
        [float(corrected.get(row.name, np.nan)) for row in study.rows],
        spread,
    )


def build_table(study: Study, scores: Scores, extra: Sequence[ColumnProvider] = ()) -> Table:
    """Return the table of a study: scores, differences, size and time, then what ``extra`` adds."""
    title, compared = metric_sign(study.metric), len(study.rows) > 1
    differences = [
        "reference" if row.name == study.reference else _difference_text(each)
        for row, each in zip(study.rows, scores.differences, strict=True)
    ]
    p_values = [_p_text(value) for value in scores.p_values]
    columns = [
        Column("", [row.name for row in study.rows]),
        Column(f"{title} [95 %]", [interval_text(interval) for interval in scores.intervals]),
        Column("sd", [f"{value:.3f}" if np.isfinite(value) else "–" for value in scores.spread]),
        *([Column("Δ [95 %]", differences), Column("p", p_values)] if compared else []),
        *_rates(study),
        Column("parameters", [f"{row.parameters:,}" for row in study.rows]),
        Column("s / fit", [f"{row.seconds:.1f}" for row in study.rows]),
    ]
    for provider in extra:
        columns += provider(study)
    about = scores.intervals[[row.name for row in study.rows].index(study.reference)].caption
    how = f" Δ: row minus “{study.reference}”; p after Holm, intervals uncorrected." if compared else ""
    return Table(tuple(columns), f"{study.caption}{how} {about}")


def _rates(study: Study) -> list[Column]:
    """Return the learning rates, where they may differ: tuned, or set by the grid."""
    rates = [row.config.get("lr") for row in study.rows]  # a baseline has none
    if not study.tuned and len({rate for rate in rates if rate is not None}) < 2:
        return []
    return [Column("lr", ["–" if rate is None else f"{rate:g}" for rate in rates])]


def interval_text(interval: Interval) -> str:
    """Return a score with its interval, "undefined" where it is."""
    if not np.isfinite(interval.estimate):
        return shown(None)
    if not np.isfinite(interval.low):
        return f"{interval.estimate:.3f} [no interval]".replace("-", "−")
    return f"{interval.estimate:.3f} [{interval.low:.3f}, {interval.high:.3f}]".replace("-", "−")


def _difference_text(interval: Interval | None) -> str:
    if interval is None:
        return shown(None)
    text = interval_text(interval)
    return f"+{text}" if interval.estimate > 0 else text


def _p_text(value: float) -> str:
    if not np.isfinite(value):
        return "–"
    return f"{value:.3f}" if value >= SMALLEST_P else f"<{SMALLEST_P}"


def _spread(study: Study, name: str) -> float:
    from train.scores.metrics import METRICS, mean_over

    predictions = study.predictions(study.row(name))
    scores = [mean_over(METRICS[study.metric](study.truth, each)) for each in predictions]
    return float(np.std(scores, ddof=1)) if len(scores) > 1 else float("nan")


def _latex(text: str) -> str:
    for plain, escaped in (
        ("\\", r"\textbackslash "),
        ("&", r"\&"),
        ("%", r"\%"),
        ("_", r"\_"),
        ("#", r"\#"),
    ):
        text = text.replace(plain, escaped)
    for plain, escaped in (
        ("ρ", r"$\rho$"),
        ("Δ", r"$\Delta$"),
        ("−", "$-$"),
        ("–", "--"),
        ("“", "``"),
        ("”", "''"),
    ):
        text = text.replace(plain, escaped)
    return text
