"""Config files: JSON and TOML say the same, and what is neither is refused in one line."""

from __future__ import annotations

import os

import pytest

from train.config_file import read_fields
from train.errors import ConfigError


def test_json_and_toml_say_the_same(tmp_path):
    (tmp_path / "c.json").write_text('{"lr": 0.1, "streams": {"text": {"temporal": "gru"}}}')
    (tmp_path / "c.toml").write_text('lr = 0.1\n[streams.text]\ntemporal = "gru"\n')
    assert read_fields(tmp_path / "c.json") == read_fields(tmp_path / "c.toml")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("c.json", "[1]", "found a list"),
        ("c.json", "{", "no valid JSON"),
        ("c.toml", "lr =", "no valid TOML"),
    ],
)
def test_what_holds_no_fields_is_refused(name, text, said, tmp_path):
    (tmp_path / name).write_text(text)
    with pytest.raises(ConfigError, match=said):
        read_fields(tmp_path / name)


def test_a_pipe_in_a_configs_place_is_refused_at_once(tmp_path) -> None:
    os.mkfifo(tmp_path / "c.toml")
    with pytest.raises(ConfigError, match=r"c.toml: cannot be read .found a pipe, expected a file"):
        read_fields(tmp_path / "c.toml")
