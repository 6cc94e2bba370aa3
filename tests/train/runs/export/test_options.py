"""What an ONNX file may take in is one of a few words."""

from __future__ import annotations

import pytest

from train.errors import ConfigError
from train.runs.export.options import ExportOptions


@pytest.mark.parametrize("fields", [{"frames": "raw"}, {"global_mean": "outside"}, {"clip": "yes"}])
def test_other_words_are_refused(fields) -> None:
    with pytest.raises(ConfigError, match=next(iter(fields))):
        ExportOptions(**fields)
