"""Settings of streams: what files and command lines say, field by field, and what is none of them."""

from __future__ import annotations

import copy

import pytest

from train import FitConfig
from train.errors import ConfigError
from train.streams.settings import StreamSettings, flattened, nested, overlaid, parse_settings, settings_texts


def test_settings_are_in_order_and_never_change():
    one = StreamSettings({"text": {"vad": False, "layer": 3}, "audio": {}})
    two = StreamSettings({"audio": {}, "text": {"layer": 3, "vad": False}})
    assert list(one) == ["audio", "text"]
    assert repr(one) == repr(two)
    assert hash(one) == hash(two)
    assert copy.deepcopy(one) == one
    with pytest.raises(TypeError):
        one["text"] = {}


def test_a_command_line_says_the_same_as_a_file():
    found = parse_settings(
        ["streams.text.temporal=attention", "streams.text.hidden=64", "streams.a.vad=false"]
    )
    assert found == {"a": {"vad": False}, "text": {"temporal": "attention", "hidden": 64}}
    assert parse_settings(settings_texts(found)) == found
    assert parse_settings(["streams.a.hidden=6\nx=3"]) == {"a": {"hidden": "6\nx=3"}}, "no second field"


def test_a_setting_that_is_given_twice_must_say_the_same():
    assert parse_settings(["streams.a.hidden=3", "streams.a.hidden = 3"]) == {"a": {"hidden": 3}}
    with pytest.raises(
        ConfigError, match=r"--set: found streams.a.hidden twice, with 3 and 4; leave one out"
    ):
        parse_settings(["streams.a.hidden=3", "streams.a.hidden=4"])


@pytest.mark.parametrize("text", ["text.temporal=gru", "streams.text.temporal", "streams.text=3", "lr=0.1"])
def test_what_is_no_setting_of_a_stream_is_refused(text):
    with pytest.raises(ConfigError, match=r"expected streams\.NAME\.FIELD=VALUE"):
        parse_settings([text])


def test_settings_lie_over_others_field_by_field():
    below = {"lr": 1, "streams": {"text": {"temporal": "gru", "hidden": 3}, "audio": {"layer": 2}}}
    above = {"loss": "ccc", "streams": {"text": {"hidden": 4}}}
    expected = {"audio": {"layer": 2}, "text": {"temporal": "gru", "hidden": 4}}
    assert overlaid(below, above) == {"lr": 1, "loss": "ccc", "streams": expected}
    assert overlaid({"streams": [3]}, above) == {"loss": "ccc", "streams": [3]}, (
        "a fault stays, to be refused"
    )
    assert overlaid({"lr": 1}, above) == {"lr": 1, **above}
    assert nested(flattened(below)) == below
    assert flattened({"streams": {"text": {"layer": [1, 2]}}}) == {"streams.text.layer": [1, 2]}


@pytest.mark.parametrize(
    ("streams", "said"),
    [
        ({"te xt": {}}, "name of a stream: found 'te xt'"),
        ({"text": {"tempral": "gru"}}, "did you mean 'temporal'"),
        ({"text": {"lr": 1}}, "'lr' is no field of one stream"),
        ({"text": 3}, "expected fields"),
        ({"text": {"temporal": "x"}}, "streams.text: temporal: found 'x'"),
        ({"text": {"lstm": False, "global_mean": False}}, "streams.text: lstm and global_mean are both off"),
    ],
)
def test_settings_are_checked_with_the_name_of_their_stream(streams, said):
    with pytest.raises(ConfigError) as caught:
        FitConfig(streams=streams)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_stream_takes_what_all_have_but_for_its_own():
    config = FitConfig(hidden=5, streams={"text": {"temporal": "gru"}}, stream_dropout=0.5, query="text")
    assert config.of_stream("text") == FitConfig(hidden=5, temporal="gru")
    assert config.of_stream("audio") == FitConfig(hidden=5)
    assert FitConfig.from_dict(config.to_dict()) == config
    assert "streams" not in FitConfig().to_dict()
