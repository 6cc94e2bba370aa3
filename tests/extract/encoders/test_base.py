"""Options of an encoder are checked when they are made, and their messages start with the flag."""

from __future__ import annotations

from pathlib import Path

import pytest

from cache.common.option_fields import options_of
from extract.encoders.base import EncoderOptions
from extract.encoders.registry import BUILT_IN, CHECKPOINTS, DEFAULT_MODEL
from extract.errors import EncoderError


def test_the_default_is_the_papers_encoder_and_a_path_is_text() -> None:
    assert EncoderOptions().model == DEFAULT_MODEL
    assert EncoderOptions(Path("some/encoder")).model == "some/encoder"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"precision": "float61"}, r"^--precision: found 'float61', expected .*; did you mean 'float16'\?"),
        ({"layers": 6}, "^--layers: found 6, expected str"),
        ({"revision": 3}, "^--revision: found 3, expected str or null"),
    ],
)
def test_a_value_that_cannot_be_is_one_line(options, message) -> None:
    with pytest.raises(EncoderError, match=message):
        EncoderOptions("x", **options)


def test_the_help_of_model_names_every_family() -> None:
    assert all(name in options_of(EncoderOptions)["model"].help for name in (*BUILT_IN, *CHECKPOINTS))
