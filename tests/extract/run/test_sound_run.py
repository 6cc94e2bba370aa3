"""A run from sound to a cache as its workers get it: portable, and of the cache's own values."""

from __future__ import annotations

from pathlib import Path

import pytest

from cache.common.errors import RecipeMismatchError
from extract.encoders.base import EncoderOptions
from extract.options import ExtractOptions
from extract.run.extract import extract
from extract.run.sound_run import SoundRun

LOGMEL = ExtractOptions(EncoderOptions("logmel"))


def test_another_machine_gets_no_relative_path_no_media_and_no_log(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model").mkdir()
    options = ExtractOptions(
        EncoderOptions("model"), media=("raw",), like=Path("old"), log_file=Path("log"), update=True
    )
    sent = SoundRun(Path("c"), options).portable()
    assert (sent.out, sent.options.like) == (tmp_path / "c", tmp_path / "old")
    assert sent.options.encoder.model == str(tmp_path / "model")
    assert (sent.options.media, sent.options.log_file, sent.options.update) == ((), None, True)


def test_only_what_has_work_for_a_gpu_uses_one(tmp_path) -> None:
    assert not SoundRun(tmp_path, LOGMEL).may_use_gpus
    assert SoundRun(tmp_path, ExtractOptions(EncoderOptions("owner/name"))).may_use_gpus


def test_a_worker_makes_the_values_of_the_cache_or_none(tmp_path, clips) -> None:
    extract(clips, tmp_path / "c", LOGMEL)
    run = SoundRun(tmp_path / "c", LOGMEL)
    assert run.is_begun()
    assert not SoundRun(tmp_path / "d", LOGMEL).is_begun()
    work = run.load("cpu", 60.0)(None, None)
    assert (work.writer.path, work.writer.lease_seconds, work.options) == (tmp_path / "c", 60.0, LOGMEL)
    other = SoundRun(tmp_path / "c", ExtractOptions(EncoderOptions("logmel"), max_seconds=3.0))
    with pytest.raises(RecipeMismatchError):
        other.load("cpu", 60.0)
