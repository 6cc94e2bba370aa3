"""What is written of a fit where a score is undefined."""

from __future__ import annotations

from dataclasses import replace

from train import Splits, fit


def test_a_single_clip_to_report_on_is_undefined_not_an_error(corpus, splits, small, quiet, tmp_path):
    labels = Splits(splits.train, splits.valid.take([0]))
    run = fit(corpus.cache, labels, replace(small, epochs=1), tmp_path / "run", progress=quiet)
    assert run.metrics["valid"]["pearson"]["mean"] is None
