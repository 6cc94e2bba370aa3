"""The table of a study: scores, differences, size and time of each row; in four styles, with the chart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from cache.common.words import counted, in_markdown
from train.checksums import write_listed
from train.report.plots import plot_rows
from train.report.styles import csv_table, latex_table, markdown_table
from train.scores.estimates import Interval
from train.scores.wording import (
    NOTHING,
    WITHIN_GROUPS,
    aligned,
    interval_caption,
    interval_text,
    metric_sign,
    p_cell,
    score_text,
    spread_cell,
    typeset,
)
from train.studies.scored import Scores, notes_on_folds
from train.studies.study import RowResult, Study


class Column(NamedTuple):
    """One column: its title and a cell for each row."""

    title: str
    cells: list[str]


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
    def titles(self) -> list[str]:
        """The header."""
        return [column.title for column in self.columns]

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """The cells, row by row."""
        return list(zip(*(column.cells for column in self.columns), strict=True))

    def text(self) -> str:
        """Return the table aligned for a terminal, the caption below."""
        return "\n".join([*aligned([self.titles, *self.rows]), "", self.caption])

    def markdown(self) -> str:
        """Return the table as GitHub's Markdown, the caption below."""
        return f"{markdown_table(self.titles, self.rows)}\n\n{in_markdown(self.caption)}\n"

    def csv(self) -> str:
        """Return the table as comma-separated values, without the caption."""
        return csv_table(self.titles, self.rows)

    def latex(self) -> str:
        """Return the table as LaTeX for the booktabs package."""
        return latex_table(self.titles, self.rows, self.caption)


def write_tables(study: Study, scores: Scores) -> str:
    """Write ``table.{txt,md,csv,tex}``, their checksums and ``chart.png``; return the table for the terminal."""
    table = build_table(study, scores)
    styles = {"txt": table.text() + "\n", "md": table.markdown(), "csv": table.csv(), "tex": table.latex()}
    write_listed(study.path, {f"table.{suffix}": text for suffix, text in styles.items()})
    plot_rows(study.path / "chart.png", study, scores)
    return table.text()


def build_table(study: Study, scores: Scores) -> Table:
    """Return the table of a study: scores, differences, size and time."""
    title, compared = metric_sign(study.metric), len(study.rows) > 1
    differences = [
        "reference" if row.name == study.reference else difference_cell(each)
        for row, each in zip(study.rows, scores.differences, strict=True)
    ]
    p_values = [p_cell(value) for value in scores.p_values]
    columns = [
        Column("", [row.name for row in study.rows]),
        Column(f"{title} [95 %]", [interval_cell(interval) for interval in scores.intervals]),
        Column("sd", [spread_cell(value) for value in scores.spread]),
        *([Column("Δ [95 %]", differences), Column("p", p_values)] if compared else []),
        *_rates(study),
        Column("parameters", [f"{row.parameters:,}" for row in study.rows]),
        Column("s / fit", [f"{row.seconds:.1f}" for row in study.rows]),
    ]
    about = interval_caption(scores.intervals[[row.name for row in study.rows].index(study.reference)])
    family = f" for the {study.family} differences they were picked from" if study.family else ""
    how = (
        f" Δ: row minus “{study.reference}”; p after Holm{family}, intervals uncorrected." if compared else ""
    )
    notes = notes_on_folds(study)
    return Table(tuple(columns), f"{study.caption}{how} {about}{'. ' if notes else ''}{notes}")


def groups_text(by: str, found: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Return every row's score within groups of clips, aligned for a terminal.

    Args:
        by: what the groups are of.
        found: of ``scores_by_group``.
    """
    first = next(iter(found.values()))
    rows = [[by, *(f"{each['group']} ({counted(each['clips'], 'clip')})" for each in first)]]
    for name, groups in found.items():
        cells = [typeset(interval_text(each["estimate"], each["low"], each["high"])) for each in groups]
        rows.append([name, *cells])
    whys = dict.fromkeys(each["why_none"] for groups in found.values() for each in groups)
    return "\n".join([*aligned(rows), "", *(f"[no interval]: {why}" for why in whys if why), WITHIN_GROUPS])


def interval_cell(interval: Interval) -> str:
    """Return a score with its interval, for a table."""
    return typeset(interval_text(interval.estimate, interval.low, interval.high))


def _rates(study: Study) -> list[Column]:
    """Return the learning rates, where they may differ: tuned, or set by the grid."""
    rates = [row.config.get("lr") for row in study.rows]  # a baseline has none
    differ = any(row.rates for row in study.rows)
    if not study.tuned and not differ and len({rate for rate in rates if rate is not None}) < 2:
        return []
    return [Column("lr", [_rate_cell(row) for row in study.rows])]


def _rate_cell(row: RowResult) -> str:
    """Return a row's learning rate; of folds that have their own, each in order."""
    if row.rates:
        return ", ".join(f"{rate:g}" for rate in row.rates)
    rate = row.config.get("lr")
    return NOTHING if rate is None else f"{rate:g}"


def difference_cell(interval: Interval | None) -> str:
    """Return a difference with its interval and its sign, for a table."""
    if interval is None:
        return score_text(None)
    text = interval_cell(interval)
    return f"+{text}" if interval.estimate > 0 else text
