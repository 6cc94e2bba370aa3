"""The settings of a study's rows: what all have in common in a line, what differs in a table."""

from __future__ import annotations

from pathlib import Path

from cache.common.words import in_markdown
from train.checksums import known_fields, read_json
from train.config import LATER_FIELDS, FitConfig
from train.files import CONFIG_FILE
from train.report.styles import markdown_table
from train.runs.run_folder import load_run
from train.runs.settings import compared, in_a_line, settings_of
from train.scores.wording import NOTHING
from train.streams.arguments import cache_name
from train.studies.study import RowResult, Study


def settings_section(study: Study) -> str:
    """Return every setting of every head: those that differ between rows as a table, the others in a line.

    A baseline is no head; its row of the table says nothing.

    Raises:
        RunError: if a run is damaged.
    """
    heads = [row for row in study.rows if is_head(row)]
    if not heads:
        return "Baselines have no settings; what each learns from is in its name."
    found = compared([_settings(study, row) for row in heads])
    common = f"{in_markdown(in_a_line(found.common))}."
    if not found.differing:
        return common
    cells = {
        row.name: [values[place] for values in found.differing.values()] for place, row in enumerate(heads)
    }
    nothing = [NOTHING] * len(found.differing)
    table = markdown_table(
        ["", *found.differing], [[row.name, *cells.get(row.name, nothing)] for row in study.rows]
    )
    return f"{table}\n\nAll rows: {common}"


def is_head(row: RowResult) -> bool:
    """Whether a row is a head, and not a baseline, which has no config of a fit."""
    return set(FitConfig().to_dict()) - {"seed", *LATER_FIELDS} <= set(row.config)


def _settings(study: Study, row: RowResult) -> dict[str, str]:
    """Return a row's settings with its cache and its seeds."""
    seeds = [_seed(study.path / run) for run in row.runs]
    settings = settings_of(row.config, load_run(study.path / row.runs[0]))
    return {"cache": cache_name(row.cache), **settings, "seeds": ", ".join(seeds)}


def _seed(run: Path) -> str:
    path = run / CONFIG_FILE
    with known_fields(path, "a config"):
        return str(read_json(path)["seed"])
