"""Command line of extraction: clips in, cache out."""

from __future__ import annotations

import typer

from cache.common.console import run_command_line
from extract.commands.demo import demo
from extract.commands.doctor import doctor
from extract.commands.plan import plan
from extract.commands.run import run
from extract.commands.text import text
from extract.commands.transcribe import transcribe

app = typer.Typer(
    name="emi-extract",
    help="Turn clips into a feature cache: a frozen wav2vec 2.0 and its VAD head, once.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (run, plan, doctor, demo, transcribe, text):
    app.command()(command)


def main() -> None:
    """Run ``emi-extract``."""
    run_command_line(app)


if __name__ == "__main__":
    main()
