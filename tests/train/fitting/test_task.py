"""What a fit is about: its parts, and what makes it another fit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cache import CacheReader
from train import FitConfig, Splits
from train.fitting.task import plan_fit


def test_the_parts_are_positions_among_train_then_valid(corpus, splits):
    with CacheReader(corpus.cache) as reader:
        inner, last, whole = (
            plan_fit(reader, splits, config)
            for config in (FitConfig(), FitConfig(select="last"), FitConfig(select="last", train_on_all=True))
        )
    assert sorted([*inner.parts["fit"], *inner.parts["inner"]]) == list(range(60))
    assert inner.parts["valid"].tolist() == list(range(60, 90))
    assert (inner.inner_by, last.inner_by, inner.layer) == ("speaker", None, 2)
    assert inner.chooser.tolist() == inner.parts["inner"].tolist()
    assert len(last.chooser) == 0
    assert whole.parts["fit"].tolist() == list(range(90))
    assert "valid" not in whole.parts
    assert inner.truth.shape == (90, 3)


def test_other_labels_or_another_config_make_another_fit(corpus, splits):
    changed = Splits(replace(splits.train, targets=splits.train.targets + 0.1), splits.valid)
    with CacheReader(corpus.cache) as reader:
        one, two, three = (
            plan_fit(reader, labels, config).identity
            for labels, config in ((splits, FitConfig()), (changed, FitConfig()), (splits, FitConfig(lr=1.0)))
        )
    assert [part for part in one if one[part] != two[part]] == ["clips and labels"]
    assert [part for part in one if one[part] != three[part]] == ["config"]


def test_where_labels_came_from_makes_no_other_fit(corpus, splits):
    with CacheReader(corpus.cache) as reader:
        here, moved = (plan_fit(reader, each, FitConfig()) for each in (splits, replace(splits, files=None)))
    assert here.identity == moved.identity
    np.testing.assert_array_equal(here.truth, moved.truth)
