"""What the four READMEs promise is what the code has: commands, options, targets, files, tables, links."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer

from cache.commit.failures import REASONS
from cache.common.registry import Registry
from cache.format.schema import FIELD_TABLE

PACKAGES = ("extract", "cache", "train")
READMES = ("README.md", *(f"{package}/README.md" for package in PACKAGES))
TOP_LINES = 150
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
ROOM = r"(?:cache|extract|train)/\w+"
FOREIGN = (
    *("python", "pip", "hf", "source", "wait", "scontrol", "trap", "ulimit", "ray", "srun", "sleep", "exit"),
)  # other people's programs


class Piece(NamedTuple):
    """A piece of code in a README: a line of a block, or a span between backticks."""

    readme: str
    text: str


def pieces_of(name: str, text: str) -> Iterator[Piece]:
    """Yield the lines of blocks, continued lines joined, and the spans of prose."""
    fenced = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    for language, block in fenced.findall(text):
        if language != "python":
            yield from (Piece(name, line) for line in block.replace("\\\n", " ").splitlines())
    prose = fenced.sub("", text)
    yield from (Piece(name, line) for line in re.findall(r"^ {4}(\S.*)$", prose, re.MULTILINE))
    for span in re.findall(r"`([^`]+)`", re.sub(r"^ {4}\S.*$", "", prose, flags=re.MULTILINE)):
        yield Piece(name, " ".join(span.split()))


@pytest.fixture(scope="module")
def texts(root: Path) -> dict[str, str]:
    return {name: (root / name).read_text(encoding="utf-8") for name in READMES}


@pytest.fixture(scope="module")
def pieces(texts: dict[str, str]) -> list[Piece]:
    return [piece for name, text in texts.items() for piece in pieces_of(name, text)]


@pytest.fixture(scope="module")
def commands() -> dict[str, dict[str, set[str]]]:
    """Program → command → its options, as the real command lines have them."""
    found = {}
    for package in PACKAGES:
        group = typer.main.get_command(importlib.import_module(f"{package}.__main__").app)
        found[f"emi-{package}"] = {
            name: options_of(command) for name, command in vars(group)["commands"].items()
        }
    return found


def options_of(command: Any) -> set[str]:
    return {"--help", *(flag for each in command.params for flag in (*each.opts, *each.secondary_opts))}


def rows(text: str) -> list[list[str]]:
    """Every row of every table, its cells without backticks and white space."""
    lines = re.findall(r"^\|(.+)\|$", text, re.MULTILINE)
    return [[cell.strip().replace("`", "") for cell in line.split(" | ")] for line in lines]


# --- commands -----------------------------------------------------------------------------------------------


def test_every_command_and_each_of_its_options_exists(pieces, commands) -> None:
    seen = set()
    for readme, text in pieces:
        for program, rest in re.findall(r"\b(emi-(?:extract|cache|train))\b(.*)", text):
            words = re.findall(r"^ ([a-z]+)\b", rest)
            options = set(OPTION.findall(rest))
            if not words:
                assert options <= {"--help"}, f"{readme}: {text}"
                continue
            assert words[0] in commands[program], f"{readme}: {program} has no {words[0]}: {text}"
            missing = options - commands[program][words[0]]
            assert not missing, f"{readme}: {program} {words[0]} has no {missing}"
            seen |= {(program, words[0])}
    assert len(seen) >= 20  # almost every command has its line


def test_every_option_on_its_own_exists(pieces, commands) -> None:
    known = set().union(*(options for program in commands.values() for options in program.values()))
    for readme, text in pieces:
        if (
            not text.removeprefix("$ ").startswith(FOREIGN)
            and "SBATCH" not in text
            and "emi-" not in text
            and "hf " not in text
        ):
            assert set(OPTION.findall(text)) <= known, f"{readme}: {text}"


def test_every_make_target_and_variable_exists(pieces, root: Path) -> None:
    makefile = (root / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    named: set[str] = set()
    for readme, text in pieces:
        for line in re.findall(r"(?:^|\$ )make ((?:[a-z]+\b(?!=) ?)+)", text):
            assert set(line.split()) <= targets, f"{readme}: {text}"
            named |= set(line.split())
        for variable in re.findall(
            r"\b([A-Z]+(?:_[A-Z]+)*)=", text if re.match(r"(\$ )?make |[A-Z_]+='", text) else ""
        ):
            assert f"({variable})" in makefile, f"{readme}: {text}"
    assert named >= {"demo", "check", "test", "format", "extract", "train", "bench"}


def test_make_help_lists_every_target_with_a_line(root: Path) -> None:
    makefile = (root / "Makefile").read_text()
    [phony] = re.findall(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    assert set(re.findall(r"^([a-z]+):.*## \S", makefile, re.MULTILINE)) == set(phony.split())


def test_every_benchmark_exists_and_takes_its_options(pieces, root: Path) -> None:
    named = set()
    for readme, text in pieces:
        for path, rest in re.findall(r"python (tests/bench/\w+\.py)(.*)", text):
            named.add(path)
            source = (root / path).read_text()
            assert all(option in source for option in OPTION.findall(rest)), f"{readme}: {text}"
    assert len(named) >= 10


# --- files --------------------------------------------------------------------------------------------------


def test_every_file_and_folder_of_the_code_that_is_named_exists(pieces, root: Path) -> None:
    for readme, text in pieces:
        if re.fullmatch(r"(cache|extract|train|tests)(/\w+)*(/|/\w+\.(py|md))", text):
            assert (root / text).exists(), f"{readme}: {text}"


def test_links_lead_somewhere(texts, root: Path) -> None:
    for name, text in texts.items():
        for link in re.findall(r"\]\(([^)\s]+)\)", text):
            if link.startswith("https://"):
                continue
            file, _, anchor = link.partition("#")
            target = (root / name).parent / file if file else root / name
            assert target.exists(), f"{name}: {link}"
            assert not anchor or anchor in headings(target.read_text()), f"{name}: {link}"


def headings(text: str) -> set[str]:
    """The anchors that GitHub makes of headings."""
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_the_readmes_below_are_linked_from_the_top(texts) -> None:
    assert all(f"]({name})" in texts["README.md"] for name in READMES[1:])


def test_the_top_readme_is_short_enough_to_be_read(texts) -> None:
    assert len(texts["README.md"].splitlines()) <= TOP_LINES


def test_what_the_parts_are_stands_once(texts) -> None:
    """The diagram of the three stages: in the README, and there only."""
    assert [name for name, text in texts.items() if "──extract──▶" in text] == ["README.md"]


def test_nothing_names_a_machine(texts) -> None:
    for name, text in texts.items():
        assert not re.findall(r"(?<![\w.])/(?:home|root|tmp|work|Users)/", text), name


def test_no_figure_is_missing(texts) -> None:
    assert not [name for name, text in texts.items() if "[measure]" in text]


def test_no_module_repeats_what_the_parts_are(root: Path) -> None:
    modules = [path for package in PACKAGES for path in (root / package).rglob("*.py")]
    assert not [
        path.name for path in modules if re.search("clips → extract|extract → cache", path.read_text())
    ]


# --- tables -------------------------------------------------------------------------------------------------


def test_the_field_table_is_that_of_the_schema(texts) -> None:
    expected = [[spec.name, spec.shape, spec.dtype, spec.meaning] for spec in FIELD_TABLE]
    names = {spec.name for spec in FIELD_TABLE}
    assert [row for row in rows(texts["cache/README.md"]) if row[0] in names and len(row) == 4] == expected
    short = [row for row in rows(texts["README.md"]) if row[0] in names]
    assert len(short) >= 5
    assert all(row in expected for row in short)


def test_the_reasons_are_those_of_the_ledger(texts) -> None:
    found = [row for row in rows(texts["cache/README.md"]) if row[0] in REASONS]
    assert found == [[reason, meaning] for reason, meaning in REASONS.items()]


def rooms(root: Path) -> dict[str, str]:
    """Every room of the packages, with the first line of its docstring."""
    found = {}
    for init in sorted(path for package in PACKAGES for path in (root / package).glob("*/__init__.py")):
        line = (ast.get_docstring(ast.parse(init.read_text())) or "").splitlines()[0]
        found[init.parent.relative_to(root).as_posix()] = line.replace("``", "`")
    return found


def test_every_room_has_its_row_with_its_own_first_line(texts, root: Path) -> None:
    expected = {room: line.replace("`", "") for room, line in rooms(root).items()}
    found = {row[0]: row[1] for row in rows(texts["README.md"]) if re.fullmatch(ROOM, row[0])}
    wrong = {room: line for room, line in expected.items() if found.get(room) != line}
    assert not wrong, (
        "not the first line of their docstrings (python tests/test_readme.py writes them):\n" + table(wrong)
    )
    assert found.keys() == expected.keys()


def registries(root: Path) -> Iterator[tuple[str, Registry[object]]]:
    """Every registry that some module of the packages makes."""
    for path in sorted(path for package in PACKAGES for path in (root / package).rglob("*.py")):
        if re.search(r"^\w+(: Registry\[.*\])? = Registry\b", path.read_text(), re.MULTILINE):
            module = importlib.import_module(".".join(path.relative_to(root).with_suffix("").parts))
            for name, value in vars(module).items():
                if isinstance(value, Registry):
                    yield f"{module.__name__}.{name}", value


def test_every_registry_has_its_table(texts, root: Path) -> None:
    every_row = [row for name in READMES[1:] for row in rows(texts[name])]
    for name, registry in registries(root):
        expected = {entry.name: entry.help.replace("`", "") for entry in registry.entries}
        found = all([key, line] in every_row for key, line in expected.items())
        assert found, f"no README has the rows of {name} ({registry.kind}):\n{table(expected)}"


def table(lines: dict[str, str]) -> str:
    return "\n".join(f"| `{key}` | {line} |" for key, line in lines.items())


# --- Python -------------------------------------------------------------------------------------------------


def test_snippets_compile_and_import_what_exists(texts) -> None:
    for name, text in texts.items():
        snippets = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
        assert snippets, name
        for snippet in snippets:
            for node in ast.walk(ast.parse(snippet, name)):
                if isinstance(node, ast.ImportFrom):
                    module = importlib.import_module(node.module or "")
                    assert all(hasattr(module, alias.name) for alias in node.names), f"{name}: {snippet}"


def write_rooms(readme: Path) -> None:
    """Write the table of rooms anew; a new room comes behind the others of its package."""
    text, now = readme.read_text(), rooms(readme.parent)
    old = re.findall(rf"^\| `({ROOM})` \|.*\n", text, re.MULTILINE)
    order = sorted(now, key=lambda room: (PACKAGES.index(room.split("/")[0]), [*old, room].index(room)))
    block = re.search(rf"(^\| `{ROOM}` \|.*\n)+", text, re.MULTILINE)
    assert block
    readme.write_text(text.replace(block[0], table({room: now[room] for room in order}) + "\n"))


if __name__ == "__main__":
    write_rooms(Path(__file__).resolve().parents[1] / "README.md")
