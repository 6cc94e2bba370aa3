"""What a fit takes of several streams: their configs, their clips, and what is refused before anything is read."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cache import CacheReader
from train import FitConfig, fit, load_run, predict
SAME_BITS = ("head.safetensors", "history.csv", "predictions.csv", "metrics.json", "clips.csv", "config.json")


def bits(folder):
    return {name: (folder / name).read_bytes() for name in SAME_BITS}


def test_one_stream_with_a_name_gives_what_its_cache_gives(corpus, splits, run, small, quiet, tmp_path):
    named = fit({"audio": corpus.cache}, splits, small, tmp_path / "named", progress=quiet)
    for name in ("history.csv", "predictions.csv"):
        assert (named.path / name).read_bytes() == (run.path / name).read_bytes()
    again = load_run(named.path)
    one, two = (predict(each, where).values for each, where in ((run, corpus.cache), (again, {"audio": corpus.cache})))
    assert np.array_equal(one, two)


def test_the_order_of_streams_has_no_effect(pair, pair_run, splits, quiet, tmp_path):
    turned = fit(dict(reversed(pair.items())), splits, pair_run.config, tmp_path / "turned", progress=quiet)
    assert bits(turned.path) == bits(pair_run.path)
    print(pair_run.metrics)
