"""Settings of rows: what differs is a table, the rest a line, and nothing is left out."""

from __future__ import annotations

from dataclasses import replace

from train.report.settings_section import is_head, settings_section


def test_what_differs_is_a_table_and_the_rest_a_line(study):
    few = replace(study, rows=study.rows[:2])
    lines = settings_section(few).splitlines()
    assert lines[0] == "|  | vad |"
    assert lines[2:4] == [f"| {few.rows[0].name} | on |", f"| {few.rows[1].name} | off |"]
    assert lines[-1].startswith("All rows: cache cache, layer 2, ")
    for setting in (
        "lr 0.005",
        "loss mse",
        "hidden 6",
        "temporal lstm",
        "fusion concat",
        "epochs 3",
        "seeds 0, 1",
    ):
        assert setting in lines[-1]


def test_one_row_has_a_line_and_baselines_none(study):
    alone = replace(study, rows=study.rows[:1])
    assert settings_section(alone).startswith("cache cache, layer 2, ")
    baseline = replace(study.rows[1], name="baseline: constant", config={"model": "mean"})
    assert not is_head(baseline)
    assert settings_section(replace(study, rows=(baseline,))).startswith("Baselines have no settings")
    mixed = replace(study, rows=(*study.rows[:2], baseline))
    assert "| baseline: constant | – |" in settings_section(mixed)
