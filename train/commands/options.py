"""Options that several commands share and that are no field of a config or of the label files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cache.common.storage.url_path import place
from train.recipes.registry import RECIPES
from train.streams.arguments import CACHES

FullCache = Annotated[
    Path | None,
    typer.Option(
        "--confirm", help="Full cache: fit the reference and the best rows on it too.", parser=place
    ),
]
CacheArguments = Annotated[
    list[str],
    typer.Argument(
        metavar=CACHES, help="Folder or URL of the feature cache; of several streams NAME=CACHE for each."
    ),
]
RowCaches = Annotated[
    list[str],
    typer.Argument(
        metavar=CACHES,
        help="Feature caches; several are compared on their common clips, or with names feed one head.",
    ),
]
RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a finished run, or a bundle of one.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document for machines.")]
Speakers = Annotated[Path | None, typer.Option("--speakers", help="Table clip_id,speaker.")]
Annotators = Annotated[
    str | None, typer.Option("--annotators", help="Column of who rated: a row per clip and annotator.")
]
SomeTargets = Annotated[
    str | None,
    typer.Option("--targets", help="Some of the run's targets, comma-separated.", show_default="all"),
]
Threads = Annotated[int | None, typer.Option(min=1, help="CPU threads.", show_default="all cores")]
FitThreads = Annotated[
    int | None, typer.Option(min=1, help="CPU threads.", show_default="the fastest, measured")
]
Workers = Annotated[
    int | None, typer.Option(min=1, help="Processes of one thread.", show_default="one per core")
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace a file of that name, whatever it holds.")
]
Strict = Annotated[bool, typer.Option("--strict", help="Make a failed check of the audit an error.")]
ConfigFile = Annotated[
    Path | None, typer.Option(help="JSON or TOML file of config fields; options override it.")
]
Recipe = Annotated[
    str | None,
    typer.Option(
        "--recipe",
        metavar="|".join(RECIPES),
        help="What is taken where you say nothing: auto, by the cache; paper, the method.",
        show_default="auto",
    ),
]
ByGroup = Annotated[
    str | None,
    typer.Option(help="Every row's scores by group too: a column of the label table, speaker or duration."),
]
PaperRecipe = Annotated[
    str | None,
    typer.Option(
        "--recipe",
        metavar="|".join(RECIPES),
        help="What rows take where neither you nor the grid says anything.",
        show_default="paper, the method",
    ),
]
TuneMinutes = Annotated[float, typer.Option("--tune-minutes", help="Longest time of --tune.")]
RecipeDiff = Annotated[
    bool,
    typer.Option("--allow-recipe-diff", help="Go on with a cache of another recipe; record the difference."),
]


def check_choice(option: str, value: str, allowed: tuple[str, ...]) -> None:
    """Refuse, as a usage error, a value that an option does not know."""
    if value not in allowed:
        raise typer.BadParameter(f"found {value!r}, expected {' or '.join(allowed)}", param_hint=option)
