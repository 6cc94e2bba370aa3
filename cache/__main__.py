"""Command line of the cache between extract and train: look at it, check it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cache.console import EXIT_LISTED, print_json, run_command_line

app = typer.Typer(
    name="emi-cache",
    help="Look at a feature cache and check it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
CachePath = Annotated[Path, typer.Argument(metavar="CACHE", help="Folder of the cache.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document for machines.")]


@app.command()
def info(
    cache: CachePath,
    labels: Annotated[
        list[Path] | None, typer.Option(help="Label table; counts its clips per split. May be repeated.")
    ] = None,
    json: Json = False,
) -> None:
    """Show clips, hours, frames, size per field, recipe, failures and coverage of labels."""
    from cache.summary import info as describe
    from cache.summary import info_text

    description = describe(cache, labels or [])
    if json:
        print_json(description)
    else:
        typer.echo(info_text(description))


@app.command()
def verify(cache: CachePath, json: Json = False) -> None:
    """Check every checksum; list all damage by shard, clip and field (exit code 3 if there is any)."""
    from cache.check import verify as check

    report = check(cache)
    if json:
        print_json(
            {
                "shards": report.shards,
                "clips": report.clips,
                "bytes": report.num_bytes,
                "findings": [vars(finding) for finding in report.findings],
            }
        )
    else:
        for finding in report.findings:
            typer.echo(str(finding))
        size = f"{report.num_bytes / 1e9:.3f} GB"
        damage = f"{len(report.findings)} findings" if report.findings else "no damage"
        typer.echo(f"{cache}: {report.clips} clips in {report.shards} shards, {size}: {damage}")
    if report.findings:
        raise typer.Exit(EXIT_LISTED)


def main() -> None:
    """Run ``emi-cache``."""
    run_command_line(app)


if __name__ == "__main__":
    main()
