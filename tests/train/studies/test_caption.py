"""Captions: they name caches, widths, selection, epochs and learning rates, and warn of selection on valid."""

from __future__ import annotations

from dataclasses import replace

from cache import CacheReader
from train import FitConfig
from train.labels.coverage import opened
from train.streams.stream_set import StreamSet
from train.studies.caption import caption
from train.studies.grid import Row

ROWS = [Row("head", FitConfig(hidden=6, epochs=3), "cache")]


def test_a_caption_says_what_the_numbers_rest_on(corpus) -> None:
    with CacheReader(corpus.cache) as reader:
        text = caption([reader], 30, ROWS, 1)
        assert text == (
            f"Mean pearson on 30 validation clips, 1 seed. Cache: cache ({reader.recipe_id[:8]}, "
            "hidden_states/1 8, hidden_states/2 8, vad 3, frame shift 0.02 s). Frozen encoder; hidden 6; 3 epochs; "
            "epoch chosen by pearson on an inner part of the training clips; lr 0.001."
        )


def test_what_differs_between_rows_is_listed(corpus) -> None:
    wide = FitConfig(hidden=None, epochs=5, select="valid", lr=3e-3)
    rows = [*ROWS, Row("wide", wide, "cache"), Row("last", replace(wide, select="last"), "cache")]
    with CacheReader(corpus.cache) as reader:
        text = caption([reader, reader], 1, rows, 5, tried=[1e-3, 3e-3])
    assert "on 1 validation clip, 5 seeds" in text
    assert text.count("cache (") == 2
    assert "hidden 6, input width; 3, 5 epochs" in text
    assert "last epoch; epoch selected on valid, so that the scores are too high" in text
    assert "lr 0.001, 0.003, chosen for each row on that part from 0.001, 0.003" in text


def test_units_are_those_of_temporal_models_that_there_are(corpus) -> None:
    without = FitConfig(lstm=False, hidden=64)
    of_text = replace(without, streams={"text": {"lstm": True, "hidden": 9}})
    with CacheReader(corpus.cache) as reader:
        text = caption([reader], 30, [Row("no LSTM", without, "cache")], 1)
        assert "Frozen encoder; 10 epochs; " in text
        assert "hidden 9; 10 epochs" in caption([reader], 30, [Row("of text", of_text, "cache")], 1)


def test_streams_that_several_rows_take_are_named_once(pair) -> None:
    with opened(pair) as both:
        text = caption([both, StreamSet(both.among, taken=["text"])], 30, ROWS, 1)
    assert text.count("audio: cache (") == text.count("text: cache (") == 1
