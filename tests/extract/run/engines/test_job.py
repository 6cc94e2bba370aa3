"""What travels to a worker means the same on another machine."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from cache.common.storage.url_path import place
from extract.encoders.base import EncoderOptions
from extract.errors import ExtractError
from extract.options import ExtractOptions
from extract.run.engines.job import absolute, absolute_model, require_begun
from extract.run.sound_run import SoundRun


def test_paths_and_models_are_absolute_and_names_stay(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model").mkdir()
    assert absolute(Path("a/../b")) == tmp_path / "b"
    assert str(absolute(place("s3://bucket/c"))) == "s3://bucket/c"
    assert absolute_model("model") == str(tmp_path / "model")
    assert (absolute_model("logmel"), absolute_model("owner/name")) == ("logmel", "owner/name")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert absolute_model("~/model") == os.path.join(tmp_path, "model")


def test_what_another_machine_does_not_see_is_one_line(tmp_path) -> None:
    run = SoundRun(tmp_path / "c", ExtractOptions(EncoderOptions("logmel")))
    with pytest.raises(
        ExtractError, match=f"begun on {socket.gethostname()}: --out must be a folder that all"
    ):
        require_begun(run)
    bucket = SoundRun(place("memory://b/c"), run.options)
    with pytest.raises(
        ExtractError, match="the same endpoint and account in the environment of every machine"
    ):
        require_begun(bucket)
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "cache.json").write_text("{}")
    require_begun(run)
