"""A command line made from fields offers them, and hands on what was typed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from cache.common.command_options import options_from
from cache.common.option_fields import option


@dataclass(frozen=True)
class Walk:
    steps: int = option(10, "How many.")
    pace: float | None = option(None, "How fast.", shown="as you like")
    back: bool = option(False, "And back.")
    stops: tuple[Path, ...] = option((), "Where to rest.")
    part: tuple[int, int] = option(
        (1, 1), "i/n.", shown="1/1", typed=str, parse=lambda text: tuple(map(int, text.split("/")))
    )
    hidden: int = option(0, "Not offered.", offered=False)
    start: str = option("home", "Where from.", flag="--from")


@dataclass(frozen=True)
class Weather:
    rain: bool = option(True, "Whether it rains.")


@pytest.fixture
def walked() -> list[Any]:
    return []


@pytest.fixture
def app(walked) -> typer.Typer:
    app = typer.Typer()

    @app.command()
    @options_from(Weather, "weather")
    @options_from(Walk, "walk")
    def go(name: str, *, walk: Mapping[str, Any], weather: Mapping[str, Any], fast: bool = False) -> None:
        walked.append((name, dict(walk), dict(weather), fast))

    return app


def test_only_what_was_typed_is_handed_on(app, walked) -> None:
    assert CliRunner().invoke(app, ["ann"]).exit_code == 0
    typed = "ann --steps 3 --pace 1.5 --back --stops a --stops b --part 2/8 --from sea --no-rain --fast"
    assert CliRunner().invoke(app, typed.split()).exit_code == 0
    assert walked == [
        ("ann", {}, {}, False),
        (
            "ann",
            {"steps": 3, "pace": 1.5, "back": True, "stops": (Path("a"), Path("b")), "part": (2, 8)}
            | {"start": "sea"},
            {"rain": False},
            True,
        ),
    ]


def test_help_shows_help_and_defaults(app) -> None:
    text = " ".join(CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).output.split())
    for shown in (
        "How many. [default: (10)]",
        "[default: (as you like)]",
        "And back. [default: (off)]",
        "--from",
    ):
        assert shown in text
    assert "--hidden" not in text
