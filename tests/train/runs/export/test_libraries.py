"""A library that is missing is one line that names the extra."""

from __future__ import annotations

import sys

import onnx
import pytest

from train.errors import RunError
from train.runs.export.libraries import library


def test_a_library_that_is_missing_names_the_extra(monkeypatch) -> None:
    assert library("onnx") is onnx
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(RunError, match=r"pip install 'emi-fusion\[onnx\]'") as caught:
        library("onnx")
    assert "\n" not in str(caught.value)
