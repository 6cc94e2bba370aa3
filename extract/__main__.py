"""Command line of the GPU stage: clips in, cache out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from cache.common.console import EXIT_LISTED, EXIT_STOPPED, Progress, counted, print_json, run_command_line
from cache.shards.registry import DEFAULT, STORES, backend_name

app = typer.Typer(
    name="emi-extract",
    help="Turn clips into a feature cache: a frozen wav2vec 2.0 and its VAD head, once.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


Sources = Annotated[
    list[Path],
    typer.Argument(
        metavar="SOURCE...", help="Folder of clips, manifest, or table of ids; several are joined."
    ),
]
Out = Annotated[Path, typer.Option(help="Folder of the cache; continued when it exists.")]
Media = Annotated[
    list[Path] | None, typer.Option(help="Folder searched for <id>.*; may be repeated, first wins.")
]
Model = Annotated[
    str | None, typer.Option(help="Hub id or local folder of the encoder, or logmel. [default: the paper's]")
]
Revision = Annotated[str | None, typer.Option(help="Branch, tag or commit on the hub.")]
Layers = Annotated[str, typer.Option(help="'last' or layer numbers, such as 6,12.")]
MaxSeconds = Annotated[
    float, typer.Option(help="Use the first so many seconds of a clip; 0 for whole clips.")
]
Device = Annotated[str, typer.Option(help="auto (all), cpu, cuda:N, or several: cuda:0,cuda:1.")]
Workers = Annotated[
    int | None, typer.Option(help="Decoding threads per device. [default: the cores there are]")
]
Backend = Annotated[
    str | None,
    typer.Option(
        callback=backend_name, help=f"Storage of a new cache: {STORES.choices()}. [default: {DEFAULT}]"
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document for machines.")]


@app.command()
def run(
    source: Sources,
    out: Out,
    media: Media = None,
    model: Model = None,
    revision: Revision = None,
    layers: Layers = "last",
    max_seconds: MaxSeconds = 12.0,
    precision: Annotated[str, typer.Option(help="auto, float32, float16 or bfloat16.")] = "auto",
    batch_seconds: Annotated[
        float | None, typer.Option(help="Padded seconds a batch; 0 for single clips. [default: by device]")
    ] = None,
    device: Device = "auto",
    backend: Backend = None,
    shard_mb: Annotated[float, typer.Option(help="Shard size of a new cache [MB].")] = 64.0,
    part: Annotated[str, typer.Option(help="i/n: only part i of n, for job arrays.")] = "1/1",
    limit: Annotated[
        int | None, typer.Option(help="Only the shards that hold the first so many clips (whole shards).")
    ] = None,
    num_workers: Workers = None,
    grace: Annotated[float, typer.Option(help="Seconds a stop waits for the shard at hand.")] = 30.0,
    max_minutes: Annotated[
        float | None, typer.Option(help="Stop in order after so many minutes (exit code 75).")
    ] = None,
    update: Annotated[
        bool, typer.Option("--update", help="Extract clips again whose sound has changed since.")
    ] = False,
    log_file: Annotated[Path | None, typer.Option(help="Append what happens, with times.")] = None,
    json: Json = False,
) -> None:
    """Extract every clip that the cache does not hold yet. Run it again to continue: nothing is redone."""
    from extract.encoders import DEFAULT_MODEL
    from extract.encoders.base import EncoderOptions
    from extract.options import ExtractOptions, parse_part
    from extract.run.pipeline import extract
    from extract.run.summary import as_json, as_text

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
        max_minutes=max_minutes,
        update=update,
        log_file=log_file,
    )
    summary = extract(list(source), out, options)
    if json:
        print_json(as_json(summary))
    else:
        typer.echo(as_text(summary))
    if summary.stopped:
        raise typer.Exit(EXIT_STOPPED)
    if summary.failures:
        raise typer.Exit(EXIT_LISTED)


@app.command()
def plan(
    source: Sources,
    out: Out,
    media: Media = None,
    model: Model = None,
    revision: Revision = None,
    layers: Layers = "last",
    max_seconds: MaxSeconds = 12.0,
    num_workers: Workers = None,
    json: Json = False,
) -> None:
    """Say what a run would do: clips, hours, GB, what is cached, what cannot be read. No model runs."""
    from extract.encoders import DEFAULT_MODEL
    from extract.encoders.base import EncoderOptions
    from extract.options import ExtractOptions
    from extract.preflight.plan import as_json, as_text, plan

    options = ExtractOptions(
        encoder=EncoderOptions(model or DEFAULT_MODEL, revision, layers),
        media=tuple(media or ()),
        max_seconds=max_seconds,
        num_workers=num_workers,
    )
    progress = Progress(sys.stderr)
    report = plan(
        source, out, options, lambda done, total: progress.update(lambda: f"headers {done}/{total}")
    )
    progress.close()
    if json:
        print_json(as_json(report))
    else:
        typer.echo(as_text(report, out))
    if report.failures:
        raise typer.Exit(EXIT_LISTED)


@app.command()
def doctor(
    model: Model = None,
    revision: Revision = None,
    layers: Layers = "last",
    out: Annotated[Path | None, typer.Option(help="Folder of the cache, to be checked too.")] = None,
    max_seconds: MaxSeconds = 12.0,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Check libraries, decoders, the encoder's weights and golden values, batches, precision and the folder."""
    from extract.encoders import DEFAULT_MODEL
    from extract.encoders.base import EncoderOptions
    from extract.options import ExtractOptions
    from extract.preflight.doctor import as_text, examine
    from extract.preflight.encoder_checks import FAILED

    options = ExtractOptions(
        EncoderOptions(model or DEFAULT_MODEL, revision, layers, device), max_seconds=max_seconds
    )
    checks = examine(options, out)
    if json:
        print_json([vars(check) for check in checks])
    else:
        typer.echo(as_text(checks))
    if any(check.state == FAILED for check in checks):
        raise typer.Exit(EXIT_LISTED)


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder to write media/, the split CSVs and encoder/ into.")],
    clips: Annotated[int, typer.Option(help="How many clips.")] = 240,
    seed: Annotated[int, typer.Option(help="The same seed gives the same corpus.")] = 0,
) -> None:
    """Synthesise a small corpus of speech-like clips and a tiny encoder, to try the tool without a download."""
    from extract.demo.corpus import make_demo

    progress = Progress(sys.stderr)
    corpus = make_demo(
        out, clips, seed, lambda done, total: progress.update(lambda: f"demo {done}/{total} clips")
    )
    progress.close()
    typer.echo(
        f"{out}: {counted(corpus.num_clips, 'clip')} of synthetic speech "
        f"({corpus.num_train} train, {corpus.num_valid} valid) and a tiny encoder with random weights"
    )


def main() -> None:
    """Run ``emi-extract``."""
    run_command_line(app)


if __name__ == "__main__":
    main()
