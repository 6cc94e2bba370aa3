"""Options of extraction: declared once, checked when made, offered by the command lines with their defaults."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from extract.__main__ import app
from extract.encoders.base import EncoderOptions
from extract.encoders.lookup import find_encoder
from extract.errors import ExtractError
from extract.options import ExtractOptions, parse_part

RUN = {
    "--out", "--media", "--model", "--revision", "--layers", "--max-seconds", "--precision", "--batch-seconds",
    "--device", "--backend", "--shard-mb", "--part", "--limit", "--num-workers", "--grace", "--max-minutes",
    "--update", "--log-file", "--audio-stream", "--like", "--padding", "--json", "--help", "--engine", "--address",
    "--workers", "--gpus-per-worker", "--cpus-per-worker",
}  # fmt: skip
PLAN = {
    "--out", "--media", "--model", "--revision", "--layers", "--max-seconds", "--num-workers", "--audio-stream",
    "--like", "--json", "--help",
}  # fmt: skip
DOCTOR = {
    "--out", "--model", "--revision", "--layers", "--max-seconds", "--device", "--padding", "--json", "--help",
}  # fmt: skip


def shown_help(command: str) -> str:
    result = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200", "TERM": "dumb"})
    assert result.exit_code == 0
    return result.output


@pytest.mark.parametrize(
    ("command", "flags"),
    [("run", RUN), ("plan", PLAN), ("doctor", DOCTOR), ("demo", {"--out", "--clips", "--seed", "--help"})],
)
def test_the_flags_are_what_they_have_been(command, flags) -> None:
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", shown_help(command))) == flags


@pytest.mark.parametrize(
    ("flag", "default"),
    [
        ("--model", "the paper's"), ("--layers", "last"), ("--max-seconds", "12.0"),
        ("--batch-seconds", "by device"),
        ("--backend", "hdf5"), ("--shard-mb", "64.0"), ("--part", "1/1"), ("--num-workers", "the cores there are"),
        ("--device", "auto"), ("--precision", "auto"), ("--grace", "30.0"),
    ],
)  # fmt: skip
def test_the_default_is_shown(flag, default) -> None:
    text = " ".join(re.sub(r"[│╭╮╰╯─]", " ", shown_help("run")).split())
    after = text[text.index(flag) :]
    assert f"[default: ({default})]" in after[: after.index(" --", 1)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shard_mb": 0}, r"^--shard-mb: found 0\.0, expected a positive number"),
        ({"num_workers": 0}, "^--num-workers: found 0, expected 1 or more"),
        ({"limit": -1}, "^--limit: found -1, expected 1 or more"),
        ({"max_minutes": 0.0}, r"^--max-minutes: found 0\.0, expected a positive number"),
        ({"max_seconds": 0.01}, r"^--max-seconds: found 0\.01, expected at least 0\.025 \(one frame\), or 0"),
        ({"batch_seconds": -1.0}, r"^--batch-seconds: found -1\.0, expected 0 or more"),
        ({"part": (3, 2)}, r"^--part: found \(3, 2\), expected i/n with 1 <= i <= n, such as 2/8"),
        ({"store": "hdf6"}, r"^--backend: found 'hdf6', expected hdf5 or zarr; did you mean 'hdf5'\?"),
        ({"limit": "many"}, r"^--limit: found 'many', expected int or null"),
    ],
)
def test_a_value_out_of_its_range_starts_with_its_flag(options, message) -> None:
    with pytest.raises(ExtractError, match=message):
        ExtractOptions(**options)


def test_lists_and_whole_numbers_are_taken_for_what_they_mean() -> None:
    options = ExtractOptions(media=[Path("a"), Path("b")], max_seconds=3, shard_mb=2)
    assert options.media == (Path("a"), Path("b"))
    assert (type(options.max_seconds), type(options.shard_mb)) == (float, float)


def test_parts_are_read_as_i_of_n() -> None:
    assert parse_part("2/8") == (2, 8)
    for text in ("two", "2", "2/", "-1/3", "1/2/3", "0/2", "3/2", "²/3"):
        with pytest.raises(ExtractError, match=r"^--part: found .*expected i/n"):
            parse_part(text)


def test_decoding_threads_are_shared_by_the_devices(monkeypatch) -> None:
    monkeypatch.setattr("extract.options.available_cores", lambda: 12)
    assert ExtractOptions().workers == 12
    assert ExtractOptions(EncoderOptions(device="cuda:0,cuda:1,cuda:2")).workers == 4
    assert ExtractOptions(num_workers=3).workers == 3
    monkeypatch.setattr("extract.options.available_cores", lambda: 1)
    assert ExtractOptions().workers == 2


def test_the_recipe_says_how_long_clips_are_read() -> None:
    model = find_encoder(EncoderOptions("logmel"))
    recipe = ExtractOptions(max_seconds=12).recipe(model)
    assert (recipe["max_seconds"], recipe["chunking"], recipe["stored_dtype"]) == (
        12.0, "none", {"logmel": "float16"},
    )  # fmt: skip
