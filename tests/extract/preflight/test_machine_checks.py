"""Libraries that are missing are named with the way to get them."""

from __future__ import annotations

import sys

from extract.preflight.machine_checks import libraries_check, machine_check


def test_libraries_are_listed_with_their_versions() -> None:
    check = libraries_check(("torch",))
    assert check.state == "ok"
    assert all(name in check.found for name in ("Python 3", "numpy ", "soxr ", "torch "))


def test_a_missing_library_fails_with_advice() -> None:
    check = libraries_check(("no_such_library",))
    assert (check.state, check.found) == ("FAILED", "missing: no_such_library")
    assert "pip install" in check.advice


def test_without_torch_logmel_is_what_is_left(monkeypatch) -> None:
    assert "torch threads" in machine_check().found
    monkeypatch.setitem(sys.modules, "torch", None)
    assert machine_check().found == "no torch: enough for --model logmel"
