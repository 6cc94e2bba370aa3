"""A run of transcribing as its workers get it: portable, and hearing as the table's recipe says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cache.common.errors import RecipeMismatchError
from extract.options import EngineOptions
from extract.transcripts.asr import transcribe as entry
from extract.transcripts.asr import transcribe_run
from extract.transcripts.asr.options import TranscribeOptions
from extract.transcripts.asr.transcribe import transcribe
from extract.transcripts.asr.transcribe_run import TranscribeRun

OPTIONS = TranscribeOptions("x", shard_clips=2)


def test_another_machine_gets_no_relative_path_no_media_and_no_log(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model").mkdir()
    options = TranscribeOptions("model", media=(Path("raw"),), log_file=Path("log"), language="en")
    sent = TranscribeRun(Path("t.csv"), options).portable()
    assert (sent.out, sent.leases_in) == (tmp_path / "t.csv", tmp_path / "t.parts")
    assert (sent.options.asr, sent.options.media, sent.options.log_file, sent.options.language) == (
        str(tmp_path / "model"), (), None, "en",
    )  # fmt: skip


def test_a_gpu_is_used_where_it_hears_the_same(tmp_path) -> None:
    assert TranscribeRun(tmp_path / "t.csv", OPTIONS).may_use_gpus
    assert not TranscribeRun(tmp_path / "t.csv", replace(OPTIONS, padding=5)).may_use_gpus


def test_a_worker_hears_as_the_table_says_or_not_at_all(fake_asr, sound, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(transcribe_run, "find_asr", entry.find_asr)
    monkeypatch.setattr(transcribe_run, "Recogniser", fake_asr)
    out = tmp_path / "t.csv"
    assert not TranscribeRun(out, OPTIONS).is_begun()
    transcribe([sound(1)], out, OPTIONS)
    run = TranscribeRun(out, replace(OPTIONS, precision="int8"))
    assert run.is_begun()
    work = run.load("cpu", 60.0)(None, None)
    assert work.writer.path == run.leases_in
    with pytest.raises(RecipeMismatchError, match="language"):
        TranscribeRun(out, replace(OPTIONS, language="fr")).load("cpu", 60.0)


@pytest.mark.parametrize(
    ("gpus", "expected"), [(None, ("cpu", "int8")), (0, ("cpu", "int8")), (1, ("cuda", "float16"))]
)
def test_a_new_table_is_heard_as_on_the_devices_of_its_workers(fake_asr, tmp_path, gpus, expected) -> None:
    options = replace(OPTIONS, engine=EngineOptions("ray", gpus_per_worker=gpus))
    device = entry._device_of(options)
    settled = entry._with_known_precision(tmp_path / "t.csv", options)
    assert (device, settled.precision) == expected
