"""Learning rates of an ablation: chosen for each row, and each fold, on the inner part of its training clips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from train.errors import ConfigError
from train.runs.run_folder import load_run
from train.studies.grid import Row
from train.studies.jobs import Job, StudyContext
from train.studies.parts import Part

RATES = (3e-4, 1e-3, 3e-3)  # learning rates that ``--tune lr`` tries
TUNING_SEED = 0


def rates_to_try(rows: Sequence[Row]) -> list[float]:
    """Return the learning rates that ``--tune lr`` tries for each row.

    Raises:
        ConfigError: if the rows are about learning rates themselves, or one chooses its epoch on anything but
            the inner part of the training clips.
    """
    for row in rows:
        if row.config.select != "inner":
            raise ConfigError(f"row {row.name!r}: --tune lr chooses on the inner part; use --select inner")
        # A grid of a single rate names it too.
        if row.config.lr != rows[0].config.lr or f"lr {row.config.lr}" in row.name:
            found = ", ".join(f"{rate:g}" for rate in sorted({each.config.lr for each in rows}))
            raise ConfigError(
                f"--tune lr: the grid sets lr itself (row {row.name!r}; {found}), and a tuned row would not be "
                "fitted with the rate it names; take lr out of the grid, or leave --tune out"
            )
    return sorted({*RATES, rows[0].config.lr})


def tuned(context: StudyContext, rows: Sequence[Row], rates: Sequence[float]) -> dict[tuple[str, str], Row]:
    """Return the rows with the learning rate that scores best on the inner part of the training clips.

    Of folds, each chooses for itself: what is best in the others was chosen on the clips that it reports.

    Returns:
        By the names of row and part.
    """
    jobs = {
        (row.name, part.name): [
            Job(row, replace(row.config, lr=rate, seed=TUNING_SEED), folder / f"lr-{rate:g}", part)
            for rate in rates
            for folder in [context.out / "tuning" / row.slug / part.name]
        ]
        for row in rows
        for part in context.parts.all
    }
    context.fit_all([job for mine in jobs.values() for job in mine])
    return {key: _best(context, mine) for key, mine in jobs.items()}


def _best(context: StudyContext, jobs: Sequence[Job]) -> Row:
    """Return the row with the rate of the best of its fits, and say which."""
    scores = [load_run(job.out).metrics["selection_score"] for job in jobs]
    best = max(zip(scores, jobs, strict=True), key=lambda pair: -2 if pair[0] is None else pair[0])[1]
    part: Part = best.part
    where = f", {context.parts.spoken(part)}" if part.name else ""
    why = ", the first, for none has a score: a target is constant in the inner part"
    said = why if all(score is None for score in scores) else ""
    context.progress.line(f"{best.row.name}{where}: lr {best.config.lr:g}{said}")
    return replace(best.row, config=replace(best.row.config, lr=best.config.lr))
