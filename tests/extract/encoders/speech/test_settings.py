"""Settings and layers: of the kind they should be, or one line."""

from __future__ import annotations

import pytest

from extract.encoders.speech.settings import check_settings, read_layers, refuse_larger, used_settings
from extract.errors import EncoderError


def test_layers_come_in_order_and_once() -> None:
    assert read_layers("last", 7) == (7,)
    assert read_layers("3, 1,last,3", 7) == (1, 3, 7)


@pytest.mark.parametrize("text", ["0", "8", "", "one", "1.5", "1,,2"])
def test_layers_that_are_not_there_are_one_line(text) -> None:
    with pytest.raises(EncoderError, match="expected 'last' or numbers from 1 to 7, such as 3,7"):
        read_layers(text, 7)


@pytest.mark.parametrize(
    ("value", "default"),
    [("4", 4), (0, 4), (1 << 20, 4), (2.0, 0.1), ([1, "2"], [1]), (3, "gelu"), ("yes", True)],
)
def test_a_setting_of_another_kind_is_named(value, default) -> None:
    with pytest.raises(EncoderError, match=r"size in the encoder's config\.json is"):
        check_settings({"size": value}, {"size": default})


def test_more_weights_than_there_are() -> None:
    refuse_larger(10, 10)
    with pytest.raises(EncoderError, match="describes at least 11 weights, there are 10"):
        refuse_larger(11, 10)


def test_settings_that_choose_code_or_labels_or_matter_in_training_alone_are_left_out() -> None:
    wild = {"auto_map": {}, "_attn_implementation": "x/y", "num_labels": 9, "experts_implementation": "x/y"}
    wild |= {"dropout": 2, "encoder_layerdrop": -1, "mask_time_prob": "x", "classifier_dropout": None}
    assert used_settings({"hidden_size": 8, **wild}) == {"hidden_size": 8}
