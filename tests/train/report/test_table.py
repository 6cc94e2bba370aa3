"""The table of a study: four styles and a chart."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest

from train.errors import RunError
from train.report.table import Column, Table, build_table, write_tables
from train.studies.scored import score_rows
from train.studies.study import load_study


def test_the_table_in_four_styles_and_a_chart(study):
    text = write_tables(study, score_rows(study))
    assert "Frozen encoder; hidden 6; 3 epochs; epoch chosen by pearson on an inner part" in text
    assert "hidden_states/2 8" in text
    styles = {suffix: (study.path / f"table.{suffix}").read_text() for suffix in ("txt", "md", "csv", "tex")}
    for style in styles.values():
        assert "LSTM + global mean + fusion head + VAD" in style
    rows = list(csv.reader(io.StringIO(styles["csv"])))
    assert len(rows) == 13
    assert {len(row) for row in rows} == {len(rows[0])}
    assert styles["tex"].count(r"\\") == 13
    assert (study.path / "chart.png").read_bytes().startswith(b"\x89PNG")
    (study.path / "table.csv").write_text(styles["csv"].replace("LSTM", "LSTN"))
    with pytest.raises(RunError, match=r"table\.csv: does not hold the bytes"):
        load_study(study.path)
    write_tables(study, score_rows(study))
    assert load_study(study.path).rows == study.rows


def test_every_row_is_compared_with_the_reference(study):
    few = replace(study, rows=study.rows[:3])
    table = build_table(few, score_rows(few))
    assert table.titles == ["", "ρ [95 %]", "sd", "Δ [95 %]", "p", "parameters", "s / fit"]
    differences, p_values = table.columns[3].cells, table.columns[4].cells
    assert (differences[0], p_values[0]) == ("reference", "–")
    assert all(cell[0] in "+−0" for cell in differences[1:])
    assert f"Δ: row minus “{study.reference}”; p after Holm, intervals uncorrected." in table.caption
    alone = replace(study, rows=study.rows[:1])
    assert "Δ [95 %]" not in build_table(alone, score_rows(alone)).titles


def test_learning_rates_have_a_column_where_they_differ(study):
    rows = [
        replace(row, config={**row.config, "lr": lr})
        for row, lr in zip(study.rows, (0.1, 3e-4), strict=False)
    ]
    baseline = replace(rows[0], name="baseline", config={"model": "ridge"})
    few = replace(study, rows=(*rows, baseline))
    column = next(each for each in build_table(few, score_rows(few)).columns if each.title == "lr")
    assert column.cells == ["0.1", "0.0003", "–"]


def test_a_table_is_one_text_in_four_styles():
    table = Table((Column("", ["a", "bb"]), Column("ρ", ["0.5", "−0.25"])), "What it is.")
    assert table.text() == "    ρ\na   0.5\nbb  −0.25\n\nWhat it is."
    assert table.markdown() == "|  | ρ |\n| --- | --- |\n| a | 0.5 |\n| bb | −0.25 |\n\nWhat it is.\n"
    assert table.csv() == ",ρ\na,0.5\nbb,−0.25\n"
    assert "bb & $-$0.25" in table.latex()
