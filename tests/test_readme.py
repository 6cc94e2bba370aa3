"""What the README promises is what the code has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cache.format.schema import FIELD_TABLE


@pytest.fixture(scope="module")
def readme(root: Path) -> str:
    return (root / "README.md").read_text(encoding="utf-8")


def test_the_field_table_is_that_of_the_schema(readme: str) -> None:
    rows = re.findall(r"^\| `([^`]+)` \| ([^|]+) \| ([^|]+) \| (.+) \|$", readme, re.MULTILINE)
    expected = [(spec.name, spec.shape, spec.dtype, spec.meaning) for spec in FIELD_TABLE]
    assert [row for row in rows if row[0] in {spec.name for spec in FIELD_TABLE}] == expected


def test_every_make_target_it_names_exists(readme: str, root: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (root / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"make ([a-z]+)", readme)) <= targets
    assert {"demo", "test", "extract", "train"} <= set(re.findall(r"make ([a-z]+)", readme))


def test_every_option_it_names_exists(readme: str, root: Path) -> None:
    modules = [path for package in ("cache", "extract", "train") for path in (root / package).rglob("*.py")]
    modules = [path for path in modules if path.stem == "__main__" or path.parent.name == "commands"]
    sources = "".join(path.read_text() for path in modules)
    known = {name.replace("_", "-") for name in re.findall(r"^ {4}(\w+): ", sources, re.MULTILINE)}
    known |= {name.removeprefix("--") for name in re.findall(r'"(--[a-z-]+)', sources)}
    commands = re.findall(r"emi-(?:extract|cache|train) .*", readme.replace("\\\n", " "))
    named = {option for line in commands for option in re.findall(r"--([a-z][a-z-]+)", line)}
    assert {"out", "media", "labels", "model"} <= named
    assert {option.removeprefix("no-") for option in named} <= known
