"""A text encoder before it is loaded: fields and recipe follow from the options."""

from __future__ import annotations

import numpy as np
import pytest

from extract.errors import EncoderError
from extract.text.describe import describe
from extract.text.options import TextOptions


def test_fields_are_the_layers_and_the_times(text_model) -> None:
    model = describe(TextOptions(text_model(), layers="last,1", device="cpu"), {"asr": 1})
    assert [(field.name, field.width, field.dtype) for field in model.fields] == [
        ("hidden_states/1", 32, np.float16),
        ("hidden_states/3", 32, np.float16),
        ("times", 2, np.float32),
    ]
    assert model.fields[-1].dims == ("start", "end")
    recipe = model.recipe
    assert (recipe["layers"], recipe["frames"], recipe["precision"]) == ([1, 3], "tokens", "float32")
    assert recipe["transcripts"] == {"asr": 1}


@pytest.mark.parametrize("change", [{"prefix": "query: "}, {"max_tokens": 32}, {"layers": "2"}])
def test_what_changes_a_value_changes_the_recipe(text_model, change) -> None:
    one = describe(TextOptions(text_model(), device="cpu"), "by hand").recipe
    assert describe(TextOptions(text_model(), device="cpu", **change), "by hand").recipe != one
    assert describe(TextOptions(text_model(), device="cpu", batch_tokens=7), "by hand").recipe == one


@pytest.mark.parametrize("layers", ["0", "4", "x", ""])
def test_layers_that_it_does_not_have(text_model, layers) -> None:
    with pytest.raises(EncoderError, match="numbers from 1 to 3"):
        describe(TextOptions(text_model(), layers=layers, device="cpu"), "by hand")
