"""What every command does about faults that are nobody's mistake."""

from __future__ import annotations

import numpy as np
import pytest

from cache.console import one_line_errors


def test_out_of_memory_is_one_line(capsys) -> None:
    torch = pytest.importorskip("torch")
    for allocate in (np.empty, torch.empty):
        with pytest.raises(SystemExit) as stopped, one_line_errors():
            allocate(10**16)
        assert stopped.value.code == 1
        error = capsys.readouterr().err
        assert error.startswith("error: out of memory (")
        assert len(error.splitlines()) == 1


def test_other_faults_stay_what_they_are() -> None:
    with pytest.raises(RuntimeError, match="a fault"), one_line_errors():
        raise RuntimeError("a fault")
