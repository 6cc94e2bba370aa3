"""Options that several commands share, in clips → extract → cache → train → intensities."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from inspect import Parameter
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

CachePath = Annotated[Path, typer.Argument(metavar="CACHE", help="Folder of the feature cache.")]
RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a finished run.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document for machines.")]
Speakers = Annotated[Path | None, typer.Option("--speakers", help="Table clip_id,speaker.")]
LABEL_OPTIONS = {
    "train": Annotated[Path | None, typer.Option("--train", help="Label table of the training clips.")],
    "valid": Annotated[Path | None, typer.Option("--valid", help="Label table of the validation clips.")],
    "labels": Annotated[
        Path | None,
        typer.Option(
            "--labels", help="Folder of train_split.csv and valid_split.csv, or a table with a split column."
        ),
    ],
    "speakers": Speakers,
    "targets": Annotated[
        str | None,
        typer.Option("--targets", help="Target columns, comma-separated.  [default: all numeric columns]"),
    ],
}
Threads = Annotated[int | None, typer.Option(min=1, help="CPU threads.  [default: all cores]")]
Device = Annotated[str | None, typer.Option(help="auto, cpu, cuda or cuda:N.  [default: auto]")]
Strict = Annotated[bool, typer.Option("--strict", help="Make a failed check of the audit an error.")]
MinCoverage = Annotated[
    float | None,
    typer.Option("--min-coverage", help="Least share of labelled clips in the cache.  [default: 0.95]"),
]
RecipeDiff = Annotated[
    bool,
    typer.Option("--allow-recipe-diff", help="Go on with a cache of another recipe; record the difference."),
]


def label_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that say where its labels are, in place of its parameter ``files``.

    The command gets them as one ``LabelFiles``.
    """

    @functools.wraps(command)
    def with_options(**values: Any) -> None:
        from train.labels.label_files import LabelFiles

        found = {name: values.pop(name) for name in LABEL_OPTIONS}
        command(files=LabelFiles(**{**found, "targets": names_in(found["targets"])}), **values)

    # The class itself loads only when a command runs.
    hints = get_type_hints(command, localns={"LabelFiles": object}, include_extras=True)
    parameters: list[Parameter] = []
    for name, parameter in inspect.signature(command).parameters.items():
        if name == "files":
            parameters += [
                Parameter(option, Parameter.KEYWORD_ONLY, default=None, annotation=kind)
                for option, kind in LABEL_OPTIONS.items()
            ]
        else:
            parameters.append(parameter.replace(annotation=hints[name]))
    shown = inspect.Signature(parameters, return_annotation=None)
    vars(with_options).update(__signature__=shown)
    with_options.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return with_options


@contextmanager
def threads_of(threads: int | None) -> Iterator[None]:
    """Set torch's CPU threads, and put them back."""
    import torch

    before = torch.get_num_threads()
    if threads is not None:
        torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def names_in(text: str | None) -> list[str] | None:
    """Return the names in a comma-separated option."""
    return [name.strip() for name in text.split(",") if name.strip()] if text else None


def check_choice(option: str, value: str, allowed: tuple[str, ...]) -> None:
    """Refuse, as a usage error, a value that an option does not know."""
    if value not in allowed:
        raise typer.BadParameter(f"found {value!r}, expected {' or '.join(allowed)}", param_hint=option)
