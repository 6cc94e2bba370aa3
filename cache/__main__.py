"""The command line ``emi-cache``: look at a cache, check it, join caches, make the laptop cache, export."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from cache.common.command_options import options_from
from cache.common.console import EXIT_LISTED, in_one_line, print_json, run_command_line
from cache.common.progress import show_progress
from cache.common.storage.url_path import place
from cache.common.words import counted, size
from cache.compaction.options import CompactOptions, MeasureOptions
from cache.imports.options import ImportOptions
from cache.shards.registry import STORES, backend_name

app = typer.Typer(
    name="emi-cache",
    help="Look at a feature cache, check it, compare and join caches, make the laptop cache, export.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
CachePath = Annotated[Path, typer.Argument(metavar="CACHE", help="Folder or URL of the cache.", parser=place)]
Source = Annotated[
    Path, typer.Argument(metavar="SRC", help="Folder or URL of the cache to read.", parser=place)
]
Target = Annotated[
    Path,
    typer.Argument(metavar="DST", help="Folder or URL to write; continued when it exists.", parser=place),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document for machines.")]
MAX_LISTED = 40


@app.command()
def info(
    cache: CachePath,
    labels: Annotated[
        list[Path] | None, typer.Option(help="Label table; counts its clips per split. May be repeated.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Write a picture of the clips to this PNG.")] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="With --plot: replace a file of that name, whatever it holds.")
    ] = False,
    json: Json = False,
) -> None:
    """Show clips, hours, frames, size per field, recipe, failures and coverage of labels."""
    from cache.tools.info import info as describe
    from cache.tools.info import info_text

    description = describe(cache, labels or [])
    if json:
        print_json(description)
    else:
        typer.echo(info_text(description))
    if plot:
        from cache.tools.info_plot import plot as draw

        draw(cache, plot, overwrite=overwrite)


@app.command()
def verify(
    cache: CachePath,
    repair: Annotated[
        bool, typer.Option("--repair", help="Set damaged shards aside; extract or compact makes them again.")
    ] = False,
    json: Json = False,
) -> None:
    """Check every checksum; list all damage by shard, clip and field (exit code 3 if there is any)."""
    from cache.format.catalog import unchecked_text
    from cache.tools.repair import as_text, mend_description
    from cache.tools.repair import repair as set_aside
    from cache.tools.verify import verify as check

    is_mended = repair and mend_description(cache)
    if is_mended:
        typer.echo(
            f"{cache}: one flipped bit in cache.json put right; the damaged file is in damaged/", err=True
        )
    report = check(cache)
    done = set_aside(cache, report) if repair and report.findings else None
    if json:
        print_json(
            {
                "shards": report.shards,
                "clips": report.clips,
                "bytes": report.num_bytes,
                "findings": [vars(finding) for finding in report.findings],
                "without_checksum": report.without_checksum,
                "repair": {**vars(done), "aside": str(done.aside or "")} if done else None,
            }
        )
    else:
        _list([str(finding) for finding in report.findings], len(report.findings))
        damage = counted(len(report.findings), "finding") if report.findings else "no damage"
        typer.echo(
            f"{cache}: {counted(report.clips, 'clip')} in {counted(report.shards, 'shard')}, "
            f"{size(report.num_bytes)}: {damage}"
        )
        if report.without_checksum:
            typer.echo(f"  {unchecked_text(report.without_checksum)}")
        if done:
            typer.echo(as_text(cache, done))
    if report.findings:
        raise typer.Exit(EXIT_LISTED)


@app.command()
def diff(
    one: Annotated[Path, typer.Argument(metavar="CACHE", help="Folder or URL of a cache.", parser=place)],
    other: Annotated[Path, typer.Argument(metavar="OTHER", help="Folder or URL of another.", parser=place)],
    exact: Annotated[bool, typer.Option("--exact", help="Compare bits, not relative L2 (1e-3).")] = False,
    json: Json = False,
) -> None:
    """Compare recipe, ids and values of two caches (exit code 3 if they differ)."""
    from cache.tools.diff import diff as compare

    differences = compare(one, other, exact=exact, on_progress=show_progress("comparing"))
    if json:
        print_json([vars(difference) for difference in differences])
    else:
        _list([str(difference) for difference in differences], MAX_LISTED)
        outcome = counted(len(differences), "difference") if differences else "no difference"
        typer.echo(f"{one} and {other}: {outcome}")
    if differences:
        raise typer.Exit(EXIT_LISTED)


@app.command()
def merge(
    caches: Annotated[
        list[Path],
        typer.Argument(metavar="CACHE...", help="Folders or URLs of caches of one recipe.", parser=place),
    ],
    out: Annotated[Path, typer.Option(help="Folder or URL of the joined cache.", parser=place)],
    json: Json = False,
) -> None:
    """Join caches of one recipe; of clips that stand in several, the latest values are kept."""
    from cache.tools.merge import merge as join

    merged = join(caches, out, show_progress("joining"))
    if json:
        print_json({**vars(merged), "path": str(merged.path)})
    else:
        _list([f"clip {clip_id} stood there with different values" for clip_id in merged.settled], MAX_LISTED)
        typer.echo(f"{out}: {counted(merged.clips, 'clip')}, {merged.added} of them added now")
    if merged.settled:
        raise typer.Exit(EXIT_LISTED)


@app.command()
def convert(
    source: Source,
    target: Target,
    backend: Annotated[str, typer.Option(callback=backend_name, help=f"{STORES.choices()}.")],
) -> None:
    """Write a cache again in another back end, with bit-identical fields."""
    from cache.tools.merge import convert as change

    clips = change(source, target, backend, show_progress("converting"))
    typer.echo(f"{target}: {counted(clips, 'clip')} in {backend}")


@app.command()
@options_from(MeasureOptions, "measured")
@options_from(CompactOptions, "given")
def compact(
    source: Source,
    target: Target,
    *,
    given: Mapping[str, Any],
    fit_on: Annotated[
        Path | None, typer.Option(help="Table of the clips to fit the projection on. [default: all clips]")
    ] = None,
    like: Annotated[
        Path | None,
        typer.Option(help="Apply the projection of this compact cache: same recipe.", parser=place),
    ] = None,
    max_gb: Annotated[
        float | None, typer.Option(help="Choose pool and project for at most so many GB.")
    ] = None,
    measured: Mapping[str, Any],
    json: Json = False,
) -> None:
    """Make the laptop cache: pooled over time, projected, quantised; says what that costs."""
    from cache.compaction.command import run

    result = run(
        source,
        target,
        given=given,
        fit_on=fit_on,
        like=like,
        max_gb=max_gb,
        measured=MeasureOptions(**measured),
        on_phase=show_progress,
    )
    if json:
        print_json(result.document)
    else:
        typer.echo(result.text)


@app.command("import")
@options_from(ImportOptions, "given")
def import_(
    sources: Annotated[
        list[Path], typer.Argument(metavar="SOURCE...", help="Files of features, or folders of them.")
    ],
    *,
    out: Annotated[
        Path | None, typer.Option(help="Folder or URL of the cache; continued when it exists.", parser=place)
    ] = None,
    given: Mapping[str, Any],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what was understood, and write nothing.")
    ] = False,
    json: Json = False,
) -> None:
    """Make a cache of features that other tools have made: npy, npz, pickle, torch, HDF5, CSV, parquet."""
    from cache.imports.command import run

    report = run(sources, out, given, dry_run=dry_run, on_phase=show_progress)
    if json:
        print_json(report.document)
    else:
        typer.echo(report.text)
    if report.is_listed:
        raise typer.Exit(EXIT_LISTED)


@app.command()
def export(
    cache: CachePath,
    target: Annotated[Path, typer.Argument(metavar="DIR", help="New or empty folder.")],
    field: Annotated[
        list[str] | None, typer.Option(help="Frame field; may be repeated. [default: all]")
    ] = None,
    parquet: Annotated[bool, typer.Option(help="Write clips.parquet with the clip-level fields.")] = True,
) -> None:
    """Write one npy per clip and frame field, and one parquet of clip-level fields, for other tools."""
    from cache.tools.export import export as write

    clips = write(cache, target, field or (), parquet=parquet, on_progress=show_progress("exporting"))
    typer.echo(f"{target}: {counted(clips, 'clip')}")


def _list(lines: Sequence[str], most: int) -> None:
    for line in lines[:most]:
        typer.echo(in_one_line(line))
    if len(lines) > most:
        typer.echo(f"and {len(lines) - most} more")


def main() -> None:
    """Run ``emi-cache``."""
    run_command_line(app)


if __name__ == "__main__":
    main()
