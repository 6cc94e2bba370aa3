"""The house keeps its rules: small rooms, short functions, few parameters, no circles, a test for every module."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGES = ("cache", "extract", "train")
MAX_MODULES = 15  # of one folder
MAX_LINES = 300  # of one file
MAX_FUNCTION, USUAL_FUNCTION = 60, 25  # lines: the longest, and the 90th percentile
MAX_PARAMETERS, USUAL_PARAMETERS = 8, 4
SLOGAN = "clips → extract → cache → train"
WITHOUT_TEST = {"__init__", "__main__", "errors", "types"}  # and the commands: tested as command lines

Function = ast.FunctionDef | ast.AsyncFunctionDef


@pytest.fixture(scope="module")
def modules(root: Path) -> dict[Path, ast.Module]:
    paths = [path for package in PACKAGES for path in sorted((root / package).rglob("*.py"))]
    return {path.relative_to(root): ast.parse(path.read_text(encoding="utf-8")) for path in paths}


def functions(modules: dict[Path, ast.Module]) -> Iterator[tuple[str, Function]]:
    for path, tree in modules.items():
        for node in ast.walk(tree):
            if isinstance(node, Function):
                yield f"{path}:{node.name}", node


def lines_of(function: Function) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


def parameters_of(function: Function) -> int:
    arguments = function.args
    names = [each.arg for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    return len([name for name in names if name not in ("self", "cls")])


def percentile_90(numbers: list[int]) -> int:
    return sorted(numbers)[int(0.9 * len(numbers))]


def test_a_folder_holds_few_modules(modules) -> None:
    folders = [path.parent for path in modules if path.name != "__init__.py"]
    assert {folder: count for folder in folders if (count := folders.count(folder)) > MAX_MODULES} == {}


def test_a_file_is_short(modules, root) -> None:
    lines = {path: len((root / path).read_text(encoding="utf-8").splitlines()) for path in modules}
    assert {path: count for path, count in lines.items() if count > MAX_LINES} == {}


def test_functions_are_short(modules) -> None:
    lengths = {name: lines_of(function) for name, function in functions(modules)}
    assert {name: length for name, length in lengths.items() if length > MAX_FUNCTION} == {}
    assert percentile_90(list(lengths.values())) <= USUAL_FUNCTION


def test_parameters_are_few(modules) -> None:
    counts = {
        name: parameters_of(function)
        for name, function in functions(modules)
        if "/commands/" not in name  # typer makes its options from parameters
    }
    assert {name: count for name, count in counts.items() if count > MAX_PARAMETERS} == {}
    assert percentile_90(list(counts.values())) <= USUAL_PARAMETERS


def test_every_room_and_module_says_what_it_is(modules) -> None:
    first_lines = {path: (ast.get_docstring(tree) or "").partition("\n")[0] for path, tree in modules.items()}
    assert [path for path, line in first_lines.items() if not line] == []
    assert [path for path, line in first_lines.items() if "→" in line] == []


def test_the_slogan_stands_in_the_readme_once(root) -> None:
    texts = [
        *root.glob("*.md"),
        *(p for package in PACKAGES for p in (root / package).rglob("*") if p.is_file()),
    ]
    found = {
        path.relative_to(root): count
        for path in texts
        if path.suffix in {".md", ".py"} and (count := path.read_text(encoding="utf-8").count(SLOGAN))
    }
    assert found in ({}, {Path("README.md"): 1})


def imported(tree: ast.Module, names: set[str]) -> set[str]:
    """Return the modules among ``names`` that a module imports, wherever in it: deferred imports count too."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return found & names


def test_no_import_runs_in_a_circle(modules) -> None:
    dotted = {".".join(path.with_suffix("").parts): tree for path, tree in modules.items()}
    names = {name for name in dotted if not name.endswith("__init__")}
    arrows = {name: imported(dotted[name], names) - {name} for name in names}
    order = list(TopologicalSorter(arrows).static_order())  # raises CycleError, and names the circle
    assert len(order) == len(names)


def test_every_module_has_a_test_by_its_name(modules, root) -> None:
    missing = [
        str(path)
        for path in modules
        if path.stem not in WITHOUT_TEST
        and path.parent.name != "commands"
        and not (root / "tests" / path.parent / f"test_{path.stem}.py").exists()
    ]
    assert missing == []
