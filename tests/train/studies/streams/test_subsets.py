"""Sets of streams: all first, each with what is left of a config, and the fusions that so many have."""

from __future__ import annotations

import pytest

from train import FitConfig
from train.errors import ConfigError
from train.heads.registry import ALL_FUSIONS
from train.studies.streams.subsets import chosen_streams, config_of, fusions_of, set_name, subsets, takes


def test_every_set_but_the_empty_one_all_streams_first():
    found = subsets(["text", "audio", "face"])
    assert found[0] == ("audio", "face", "text")
    assert found[-3:] == [("audio",), ("face",), ("text",)]
    assert len(found) == len(set(found)) == 7
    assert len(subsets(map(str, range(6)))) == 63
    assert set_name({"text", "audio"}) == set_name(["audio", "text"]) == "audio+text"


def test_a_config_loses_what_is_of_other_streams():
    config = FitConfig(
        streams={"audio": {"hidden": 3}, "text": {"temporal": "gru"}},
        query="text",
        fusion="query",
        stream_dropout=0.2,
    )
    audio = config_of(config, ["audio"])
    assert (audio.streams, audio.query, audio.fusion) == ({"audio": {"hidden": 3}}, None, "concat")
    assert audio.stream_dropout == 0
    both = config_of(config, ["face", "text"])
    assert (both.streams, both.query, both.fusion) == ({"text": {"temporal": "gru"}}, "text", "query")
    assert both.stream_dropout == 0.2


def test_fusions_are_those_that_take_so_many():
    assert fusions_of(2, "mlp") == ["mlp", *(name for name in ALL_FUSIONS if name != "mlp")]
    assert "tensor" not in fusions_of(9, "concat")
    assert set(fusions_of(1, "concat")) == {"concat", "linear", "mlp"}
    assert takes("tensor", 8)
    assert not takes("tensor", 1)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("audio", r"found 'audio', expected a list of names such as \['audio', 'text'\]"),
        ([], r"found \[\], expected a list"),
        (["face"], "no stream 'face', found audio, text"),
        (["text", "text"], "'text' twice"),
    ],
)
def test_a_row_names_streams_that_there_are(value, said):
    with pytest.raises(ConfigError, match=f"grid.toml, streams: {said}"):
        chosen_streams(value, ["audio", "text"], "grid.toml")
    with pytest.raises(ConfigError, match="and caches without names; name each stream"):
        chosen_streams(value, [], "grid.toml")
