"""Simple models: what scikit-learn's own give, on data unlike those they were tried on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR

from train import FitConfig
from train.studies.floor import models
from train.studies.floor.models import MODELS, TUBE, inner_folds, predicted


@pytest.fixture
def labels_of(splits):
    def make(targets, speakers=None):
        count = len(targets)
        ids = tuple(f"{number:04}" for number in range(count))
        names = tuple("abcdef"[: targets.shape[1]])
        who = tuple(speakers or [f"s{number // 10}" for number in range(count)])
        return replace(
            splits.train, clip_ids=ids, written_ids=ids, targets=targets, names=names, speakers=who
        )

    return make


def drawn(clips=120, width=30, targets=2, seed=0):
    rng = np.random.default_rng(seed)
    columns = rng.standard_t(3, (clips, width)) * rng.lognormal(0, 2, width) + 100
    weights = rng.standard_normal((width, targets)) / (columns.std(0)[:, None] + 1e-9)
    return columns, (columns - columns.mean(0)) @ weights + rng.standard_normal((clips, targets))


def test_ridge_is_that_of_scikit_learn(labels_of, monkeypatch) -> None:
    columns, targets = drawn()
    monkeypatch.setitem(MODELS, "ridge", MODELS["ridge"]._replace(strengths=(10.0,)))
    found = predicted(columns, "ridge", labels_of(targets[:90]), FitConfig())
    scaler = StandardScaler().fit(columns[:90])
    expected = Ridge(10.0).fit(scaler.transform(columns[:90]), targets[:90])
    np.testing.assert_allclose(found, expected.predict(scaler.transform(columns[90:])), rtol=1e-6)


def test_svr_is_that_of_scikit_learn(labels_of, monkeypatch) -> None:
    columns, targets = drawn()
    monkeypatch.setitem(MODELS, "svr", MODELS["svr"]._replace(strengths=(3.0,)))
    found = predicted(columns, "svr", labels_of(targets[:90]), FitConfig())
    scaler = StandardScaler().fit(columns[:90])
    one, two = scaler.transform(columns[:90]), scaler.transform(columns[90:])
    for target in range(2):
        mean, deviation = targets[:90, target].mean(), targets[:90, target].std()
        model = SVR(C=3.0, gamma=1 / 30, epsilon=TUBE).fit(one, (targets[:90, target] - mean) / deviation)
        np.testing.assert_allclose(found[:, target], model.predict(two) * deviation + mean, atol=1e-3)


@pytest.mark.parametrize("model", ["mean", *MODELS])
def test_what_is_constant_or_wide_or_single_is_borne(labels_of, model) -> None:
    columns, targets = drawn(60, 200, 3)
    columns[:, 5], columns[:, 6], targets[:, 1] = 33.3, 0.0, 0.7
    found = predicted(columns, model, labels_of(targets[:40]), FitConfig())
    assert found.shape == (20, 3)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found[:, 1], 0.7)
    assert predicted(columns, model, labels_of(targets[:40, :1]), FitConfig()).shape == (20, 1)


def test_no_speaker_is_on_both_sides_of_an_inner_fold(labels_of) -> None:
    labels = labels_of(np.zeros((60, 1)), [f"s{number % 7}" for number in range(60)])
    for fit, held in inner_folds(labels, 0):
        assert not {labels.speakers[i] for i in fit} & {labels.speakers[i] for i in held}
    alone = labels_of(np.zeros((60, 1)), [None] * 60)
    assert len(inner_folds(alone, 0)) == models.FOLDS
    assert len(inner_folds(labels_of(np.zeros((9, 1)), [*"aaaaabbbb"]), 0)) == 2


def test_many_clips_choose_on_some(labels_of, monkeypatch) -> None:
    monkeypatch.setattr(models, "MOST_CLIPS", 50)
    columns, targets = drawn(400, 5)
    labels = labels_of(targets[:300])
    for model in MODELS:
        found = predicted(columns, model, labels, FitConfig())
        assert np.corrcoef(found[:, 0], targets[300:, 0])[0, 1] > 0.6
        np.testing.assert_array_equal(found, predicted(columns, model, labels, FitConfig()))


def test_one_speaker_is_divided_clip_by_clip_and_one_clip_not_at_all(labels_of) -> None:
    assert len(inner_folds(labels_of(np.zeros((9, 1)), ["s"] * 9), 0)) == models.FOLDS
    assert inner_folds(labels_of(np.zeros((1, 1)), ["s"]), 0) == []
    for model in MODELS:
        found = predicted(np.arange(12.0).reshape(4, 3), model, labels_of(np.ones((1, 1))), FitConfig())
        np.testing.assert_allclose(found, 1)


@pytest.mark.parametrize("model", ["mean", "ridge", "svr"])
def test_each_target_is_learned_from_the_clips_that_have_it(model, labels_of) -> None:
    columns, targets = drawn()
    gaps = targets[:90].copy()
    gaps[::3, 1] = np.nan
    found = predicted(columns, model, labels_of(gaps), FitConfig())
    assert np.isfinite(found).all()
    first = predicted(columns, model, labels_of(targets[:90, :1]), FitConfig())
    np.testing.assert_allclose(found[:, :1], first)
    there = np.flatnonzero(~np.isnan(gaps[:, 1]))
    rows = np.concatenate([columns[there], columns[90:]])
    second = labels_of(targets[:90]).take(there).of_targets([1])
    np.testing.assert_allclose(found[:, 1:], predicted(rows, model, second, FitConfig()))


@pytest.mark.parametrize("model", ["mean", *MODELS])
def test_a_clip_of_weight_two_counts_like_two_and_one_of_zero_not_at_all(
    labels_of, monkeypatch, model
) -> None:
    columns, targets = drawn(80, 10)
    if model in MODELS:
        monkeypatch.setitem(MODELS, model, MODELS[model]._replace(strengths=(3.0,)))
    # Columns are standardised by all clips alike: so that both ways have the same, no clip differs in these.
    monkeypatch.setattr(models, "_standardised", lambda learned, others: (learned / 100, others / 100))
    weights = np.where(np.arange(60) < 20, 2.0, np.where(np.arange(60) < 50, 1.0, 0.0))
    weighted = replace(labels_of(targets[:60]), weights=weights, weighted_by="votes")
    twice = [*range(50), *range(20)]
    # Weights have a mean of 1, which for 70 clips among 60 is 7 / 6 times as much.
    found = predicted(columns, model, weighted, FitConfig())
    if model in MODELS:
        strength = 3.0 * 7 / 6 if model == "ridge" else 3.0 * 6 / 7
        monkeypatch.setitem(MODELS, model, MODELS[model]._replace(strengths=(strength,)))
    rows = np.concatenate([columns[twice], columns[60:]])
    expected = predicted(rows, model, labels_of(targets[twice]), FitConfig())
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=5e-3 if model == "svr" else 1e-8)
    plain = predicted(columns, model, labels_of(targets[:60]), FitConfig())
    assert np.abs(found - plain).max() > 1e-2


def test_weights_that_are_alike_change_nothing(labels_of) -> None:
    columns, targets = drawn(80, 10)
    labels = labels_of(targets[:60])
    for model in ("mean", "ridge"):
        found = predicted(columns, model, replace(labels, weights=np.full(60, 7.0)), FitConfig())
        np.testing.assert_allclose(found, predicted(columns, model, labels, FitConfig()), rtol=1e-9)
