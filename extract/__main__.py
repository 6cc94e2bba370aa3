"""Command line of the GPU stage: clips in, cache out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from cache.console import EXIT_LISTED, EXIT_STOPPED, Progress, print_json, run_command_line

app = typer.Typer(
    name="emi-extract",
    help="Turn clips into a feature cache: a frozen wav2vec 2.0 and its VAD head, once.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.command()
def run(
    source: Annotated[
        Path, typer.Argument(metavar="SOURCE", help="Folder of clips, manifest, or table of ids.")
    ],
    out: Annotated[Path, typer.Option(help="Folder of the cache; continued when it exists.")],
    media: Annotated[
        list[Path] | None, typer.Option(help="Folder searched for <id>.*; may be repeated, first wins.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Hub id or local folder of the encoder. [default: the paper's]")
    ] = None,
    revision: Annotated[str | None, typer.Option(help="Branch, tag or commit on the hub.")] = None,
    layers: Annotated[str, typer.Option(help="'last' or layer numbers, such as 6,12.")] = "last",
    max_seconds: Annotated[float, typer.Option(help="Use the first so many seconds of a clip.")] = 12.0,
    precision: Annotated[str, typer.Option(help="auto, float32, float16 or bfloat16.")] = "auto",
    batch_seconds: Annotated[
        float | None, typer.Option(help="Padded seconds a batch; 0 for single clips. [default: by device]")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    backend: Annotated[str, typer.Option(help="Storage of a new cache.")] = "hdf5",
    shard_mb: Annotated[float, typer.Option(help="Shard size of a new cache [MB].")] = 64.0,
    part: Annotated[str, typer.Option(help="i/n: only part i of n, for job arrays.")] = "1/1",
    limit: Annotated[
        int | None, typer.Option(help="Only the shards that hold the first so many clips (whole shards).")
    ] = None,
    num_workers: Annotated[int, typer.Option(help="Decoding threads.")] = 2,
    grace: Annotated[float, typer.Option(help="Seconds a stop signal waits for the shard at hand.")] = 30.0,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document for machines.")] = False,
) -> None:
    """Extract every clip that the cache does not hold yet. Run it again to continue: nothing is redone."""
    from extract.encoders import DEFAULT_MODEL
    from extract.encoders.base import EncoderOptions
    from extract.options import ExtractOptions, parse_part
    from extract.pipeline import extract
    from extract.summary import as_json, as_text

    options = ExtractOptions(
        encoder=EncoderOptions(model or DEFAULT_MODEL, revision, layers, device, precision),
        media=tuple(media or ()),
        max_seconds=max_seconds,
        batch_seconds=batch_seconds,
        store=backend,
        shard_mb=shard_mb,
        part=parse_part(part),
        limit=limit,
        num_workers=num_workers,
        grace=grace,
    )
    summary = extract(source, out, options)
    if json:
        print_json(as_json(summary))
    else:
        typer.echo(as_text(summary))
    if summary.stopped:
        raise typer.Exit(EXIT_STOPPED)
    if summary.failures:
        raise typer.Exit(EXIT_LISTED)


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder to write media/, the split CSVs and encoder/ into.")],
    clips: Annotated[int, typer.Option(help="How many clips.")] = 240,
    seed: Annotated[int, typer.Option(help="The same seed gives the same corpus.")] = 0,
) -> None:
    """Synthesise a small corpus of speech-like clips and a tiny encoder, to try the tool without a download."""
    from extract.demo import make_demo

    progress = Progress(sys.stderr)
    corpus = make_demo(
        out, clips, seed, lambda done, total: progress.update(lambda: f"demo {done}/{total} clips")
    )
    progress.close()
    typer.echo(
        f"{out}: {corpus.num_clips} clips of synthetic speech ({corpus.num_train} train, {corpus.num_valid} valid) "
        "and a tiny encoder with random weights"
    )


def main() -> None:
    """Run ``emi-extract``."""
    run_command_line(app)


if __name__ == "__main__":
    main()
