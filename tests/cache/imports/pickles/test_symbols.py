"""The globals that a pickle may name."""

from __future__ import annotations

import pytest

from cache.imports.pickles.parts import ArrayShell, DType, Symbol
from cache.imports.pickles.symbols import CALLS, NAMES, build, call, symbol
from cache.imports.values import UnreadableError


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"), ("posix", "system"), ("builtins", "eval"), ("builtins", "getattr"), ("numpy", "load"),
        ("numpy.core.multiarray", "fromfile"), ("torch", "load"), ("codecs", "encode"), ("functools", "partial"),
        ("numpy", "dtype.type"), ("collections", "OrderedDict.update"),
    ],
)  # fmt: skip
def test_an_unknown_global_is_named_and_refused(module, name) -> None:
    with pytest.raises(UnreadableError, match=rf"refused: it names {module}\.{name}.*nothing is ever run"):
        symbol(module, name)


def test_a_table_of_pandas_is_told_what_to_do() -> None:
    with pytest.raises(UnreadableError, match="CSV or parquet"):
        symbol("pandas.core.frame", "DataFrame")


def test_names_are_text() -> None:
    with pytest.raises(UnreadableError):
        symbol(1, "dtype")


def test_what_is_only_a_name_is_never_called() -> None:
    for module, name in NAMES:
        with pytest.raises(UnreadableError):
            call(symbol(module, name), ())


@pytest.mark.parametrize("arguments", [(), (1,), ("x",), (None,) * 9, ([1], [2]), 7, ((1, 2, 3),)])
def test_arguments_that_are_none_are_one_line(arguments) -> None:
    for module, name in CALLS:
        try:
            call(Symbol(module, name), arguments)
        except UnreadableError:
            continue


def test_only_arrays_and_dtypes_take_a_state() -> None:
    dtype = DType("f4")
    build(dtype, (3, "<", None, None, None, -1, -1, 0))
    assert dtype.order == "<"
    build({}, {"_metadata": 1})
    shell = ArrayShell()
    build(shell, (1, (2,), dtype, False, b"\0" * 8))
    assert shell.values.shape == (2,)
    for thing, state in (
        ([], {}),
        (dtype, (3, "<", ("a",))),
        (shell, ()),
        (shell, (1, (2,), dtype, False, [1, 2])),
    ):
        with pytest.raises(UnreadableError):
            build(thing, state)
