"""The command line ``emi-train``: fit a head, score it, use it.

Each command has its own module in ``train.commands``; here is only the list.
"""

from __future__ import annotations

import typer

from cache.common.console import run_command_line
from train.commands.ablate import ablate
from train.commands.compare import baseline, fidelity
from train.commands.distil import distil
from train.commands.fit import fit
from train.commands.keep import bundle, export, reproduce
from train.commands.layers import layers
from train.commands.overview import compare, runs
from train.commands.report import report
from train.commands.use import evaluate, predict

app = typer.Typer(
    name="emi-train",
    help="Fit the LSTM fusion head from a feature cache; score it; predict with it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
COMMANDS = (
    fit,
    evaluate,
    predict,
    ablate,
    baseline,
    fidelity,
    layers,
    reproduce,
    bundle,
    export,
    report,
    runs,
    compare,
    distil,
)
for command in COMMANDS:
    app.command()(command)


def main() -> None:
    """Run ``emi-train``."""
    run_command_line(app)


if __name__ == "__main__":
    main()
