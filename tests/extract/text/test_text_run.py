"""A run from transcripts to a cache as its workers get it: portable, and of the cache's own values."""

from __future__ import annotations

from pathlib import Path

import pytest

from cache.common.errors import RecipeMismatchError
from extract.options import EngineOptions
from extract.text.encode_text import _on_workers, encode_text
from extract.text.options import TextOptions
from extract.text.text_run import TextRun


def test_another_machine_gets_no_relative_path_no_words_and_no_log(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model").mkdir()
    options = TextOptions("model", words=Path("w.csv"), log_file=Path("log"), prefix="query: ")
    sent = TextRun(Path("c"), options, "unknown").portable()
    assert (sent.out, sent.options.model) == (tmp_path / "c", str(tmp_path / "model"))
    assert (sent.options.words, sent.options.log_file, sent.options.prefix) == (None, None, "query: ")
    assert sent.transcripts == "unknown"


def test_a_worker_makes_the_values_of_the_cache_or_none(tmp_path, text_model) -> None:
    (tmp_path / "t.csv").write_text("clip_id,text\na,Hello there\n")
    options = TextOptions(text_model())
    encode_text([tmp_path / "t.csv"], tmp_path / "c", options)
    unknown = TextRun(tmp_path / "c", options, "others")
    assert unknown.is_begun()
    assert not TextRun(tmp_path / "d", options, "others").is_begun()
    with pytest.raises(RecipeMismatchError, match="transcripts"):
        unknown.load("cpu", 60.0)
    known = "not known: taken as they are"
    work = TextRun(tmp_path / "c", options, known).load("cpu", 60.0)(None, None)
    assert (work.writer.path, work.writer.lease_seconds, work.batch_tokens) == (tmp_path / "c", 60.0, 1024)


@pytest.mark.parametrize(
    ("engine", "precision", "expected"),
    [
        (EngineOptions(), "auto", ("auto", "cuda:1")),
        (EngineOptions("ray"), "auto", ("auto", "cuda:1")),
        (EngineOptions("ray", gpus_per_worker=1), "auto", ("float16", "cpu")),
        (EngineOptions("ray", gpus_per_worker=1), "float32", ("float32", "cpu")),
        (EngineOptions("ray", gpus_per_worker=0), "auto", ("auto", "cpu")),
    ],
)
def test_a_new_cache_has_the_precision_of_the_gpus_it_is_made_on(engine, precision, expected) -> None:
    options = _on_workers(TextOptions("x", engine=engine, precision=precision, device="cuda:1"))
    assert (options.precision, options.device) == expected
