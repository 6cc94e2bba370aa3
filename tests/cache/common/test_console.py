"""What every command does about faults that are nobody's mistake."""

from __future__ import annotations

import io
import json
import logging
import sys
import unicodedata

import numpy as np
import pytest
import typer

from cache.common.console import (
    EscapedStream,
    escaped,
    escaped_output,
    in_one_line,
    one_line_errors,
    print_json,
    run_command_line,
    terminal_of,
)
from cache.common.errors import CacheError, is_out_of_memory

# Colour, title of the window, C1's own escape, carriage return, bell, directions, line ends, hidden text.
ODD = "a\x1b[31mb\x1b]0;t\x07c\x9b31m\r\x7f\u202e\u2066\u2028\x85\u200b\udcff\U000e0041ü \u200d"
SHOWN = (
    r"a\u001b[31mb\u001b]0;t\u0007c\u009b31m\r\u007f\u202e\u2066\u2028\u0085\u200b\udcff\udb40\udc41ü "
    "\u200d"
)


def test_out_of_memory_is_one_line(capsys) -> None:
    torch = pytest.importorskip("torch")
    for allocate in (np.empty, torch.empty):
        with pytest.raises(SystemExit) as stopped, one_line_errors():
            allocate(10**16)
        assert stopped.value.code == 1
        error = capsys.readouterr().err
        assert error.startswith("error: out of memory (")
        assert len(error.splitlines()) == 1


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (RuntimeError("could not create a primitive"), True),
        (RuntimeError("could not create a primitive descriptor for the matmul primitive"), False),
        (RuntimeError("can't start new thread"), True),
        (ImportError("libtorch_cpu.so: failed to map segment from shared object"), True),
        (ImportError("No module named 'torch'"), False),
        (MemoryError(), True),
        (ValueError("allocate memory"), False),
    ],
)
def test_what_out_of_memory_is(error, expected) -> None:
    assert is_out_of_memory(error) is expected


def test_other_faults_stay_what_they_are() -> None:
    with pytest.raises(RuntimeError, match="a fault"), one_line_errors():
        raise RuntimeError("a fault")


def test_no_character_that_a_terminal_obeys_is_left() -> None:
    for number in range(sys.maxunicode + 1):
        sign = chr(number)
        kind = unicodedata.category(sign)
        if kind in ("Cc", "Zl", "Zp", "Cs") or unicodedata.bidirectional(sign) in (
            *("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"),
        ):
            is_kept = sign in "\t\n"
            assert (escaped(sign) == sign) is is_kept, hex(number)
            assert in_one_line(sign) != sign
        assert json.loads(f'"{in_one_line(sign)}"' if sign not in '"\\\\' else '"x"')


def test_escapes_are_those_of_json_and_made_once() -> None:
    assert escaped(ODD) == SHOWN
    assert escaped(escaped(ODD)) == SHOWN
    assert in_one_line("one\n  error: two\t") == r"one\n  error: two\t"


def obeyed(text: str) -> set[str]:
    return {sign for sign in text if escaped(sign) != sign}


@pytest.mark.parametrize(
    "how", ["typer", "typer error", "print", "error", "os error", "usage", "library", "log", "fault"]
)
def test_whatever_is_printed_is_escaped(capsys, monkeypatch, how) -> None:
    told = f"{ODD} https://me:hidden@host/a?sig=hidden"
    app = typer.Typer(pretty_exceptions_enable=False)

    @app.command()
    def command(number: int = 0) -> None:
        if how.startswith("typer"):
            typer.echo(told, err=how == "typer error")
        elif how == "print":
            print(told)
        elif how == "error":
            raise CacheError(told)
        elif how == "os error":
            raise FileNotFoundError(2, "no such file", told)
        elif how == "library":
            sys.stderr.write(told)
        elif how == "log":
            logging.getLogger("cache").warning("%s", told)
        elif how == "fault":
            raise KeyError(told)

    monkeypatch.setattr(sys, "argv", ["emi", *(["--number", told] if how == "usage" else [])])
    monkeypatch.setattr(logging.getLogger("cache"), "propagate", False)
    monkeypatch.setattr(logging.getLogger("cache"), "handlers", [logging.lastResort])
    before = sys.stdout, sys.stderr
    with pytest.raises(SystemExit) as stopped:
        run_command_line(app)
    assert (sys.stdout, sys.stderr) == before
    shown = "".join(capsys.readouterr())
    assert stopped.value.code == {"error": 1, "os error": 1, "usage": 2, "fault": 1}.get(how, 0)
    assert not obeyed(shown)
    assert "hidden" not in shown
    assert how == "usage" or r"\u202e" in shown  # typer would rather not show such a value


def test_json_stays_json_of_the_same_value(capsys) -> None:
    with escaped_output():
        print_json({"id": ODD})
    shown = capsys.readouterr().out
    assert not obeyed(shown)
    assert json.loads(shown)["id"].encode("utf-16", "surrogatepass") == ODD.encode("utf-16", "surrogatepass")


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
def test_what_an_encoding_lacks_is_escaped_too(encoding) -> None:
    raw = io.TextIOWrapper(io.BytesIO(), encoding)
    stream = EscapedStream(raw)
    stream.writelines([json.dumps({"ü": "\u0107\x1b"}, ensure_ascii=False), "\n"])
    stream.flush()
    assert json.loads(raw.buffer.getvalue().decode(encoding)) == {"ü": "\u0107\x1b"}
    assert not stream.isatty()
    assert terminal_of(stream) is raw
    assert terminal_of(raw) is raw
