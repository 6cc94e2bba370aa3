"""What is written of a fit where a score is undefined."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace

import pytest

from cache import CacheError
from train import Splits, fit


def test_a_single_clip_to_report_on_is_undefined_not_an_error(corpus, splits, small, quiet, tmp_path):
    labels = Splits(splits.train, splits.valid.take([0]))
    run = fit(corpus.cache, labels, replace(small, epochs=1), tmp_path / "run", progress=quiet)
    assert run.metrics["valid"]["pearson"]["mean"] is None


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_a_projection_that_lies_elsewhere_does_not_get_into_the_run(
    small_cache, splits, small, quiet, tmp_path, kind
):
    cache = tmp_path / "cache"
    shutil.copytree(small_cache, cache)
    (cache / "projection.npz").rename(tmp_path / "elsewhere")
    if kind == "link":
        (cache / "projection.npz").symlink_to(tmp_path / "elsewhere")
    else:
        os.mkfifo(cache / "projection.npz")
    with pytest.raises(CacheError, match=r"projection\.npz: (a link|not a file)"):
        fit(cache, splits, replace(small, epochs=1), tmp_path / "run", progress=quiet)
    assert not (tmp_path / "run" / "projection.npz").exists()
