"""What every command does about faults that are nobody's mistake."""

from __future__ import annotations

import numpy as np
import pytest

from cache.common.console import one_line_errors
from cache.common.errors import is_out_of_memory


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
