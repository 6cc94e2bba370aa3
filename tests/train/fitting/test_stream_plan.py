"""Fits of several streams: numbers of one cache, any order, resumed, with absent clips; and what is refused."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import numpy as np
import pytest

from cache.common.progress import Progress
from train import FitConfig, evaluate, load_run, predict
from train.audit.audit import audit_splits
from train.errors import ConfigError, LabelError, RunError
from train.fitting.fit import SharedFit, fit
from train.fitting.stream_plan import require_streams
from train.fitting.task import plan_fit
from train.heads.registry import STREAM_FUSIONS
from train.labels.coverage import opened

PLAIN = SharedFit(pictures=False)
SAME_BITS = ("head.safetensors", "history.csv", "predictions.csv", "metrics.json", "clips.csv", "config.json")


def bits(folder):
    return {name: (folder / name).read_bytes() for name in SAME_BITS}


def test_one_stream_with_a_name_gives_what_its_cache_gives(corpus, splits, run, small, quiet, tmp_path):
    named = fit({"audio": corpus.cache}, splits, small, tmp_path / "named", progress=quiet, shared=PLAIN)
    for name in ("history.csv", "predictions.csv"):
        assert (named.path / name).read_bytes() == (run.path / name).read_bytes()
    one, two = predict(run, corpus.cache), predict(load_run(named.path), {"audio": corpus.cache})
    assert np.array_equal(one.values, two.values)


def test_the_order_of_streams_has_no_effect(pair, pair_run, splits, quiet, tmp_path):
    turned = fit(
        dict(reversed(pair.items())),
        splits,
        pair_run.config,
        tmp_path / "turned",
        progress=quiet,
        shared=PLAIN,
    )
    assert bits(turned.path) == bits(pair_run.path)


class _Killed(BaseException):
    """Stands for what ends a process between two epochs."""


class _Dying(Progress):
    def line(self, text):
        if text.startswith("epoch 2/"):
            raise _Killed


def test_a_resumed_fit_gives_the_same_bits(pair, pair_run, splits, quiet, tmp_path):
    config = replace(pair_run.config, stream_dropout=0.4, dropout=0.2)
    whole = fit(pair, splits, config, tmp_path / "whole", progress=quiet, shared=PLAIN)
    with pytest.raises(_Killed):
        fit(pair, splits, config, tmp_path / "cut", progress=_Dying(io.StringIO()), shared=PLAIN)
    again = fit(pair, splits, config, tmp_path / "cut", progress=quiet, shared=PLAIN)
    assert bits(again.path) == bits(whole.path)
    assert bits(whole.path)["head.safetensors"] != bits(pair_run.path)["head.safetensors"]


def test_a_run_says_what_its_streams_are_and_which_clips_they_lack(pair_run, splits):
    assert list(pair_run.streams) == ["audio", "text"]
    assert pair_run.streams["audio"].config.layer == 2
    assert not pair_run.streams["text"].config.vad
    absent = pair_run.metrics["absent_clips"]
    assert absent["audio"] == {"fit": 0, "inner": 0, "valid": 0}
    assert sum(absent["text"].values()) == 13
    covered = json.loads((pair_run.path / "coverage.json").read_text())["streams"]
    assert covered["text"]["train"] == [clip for clip in splits.train.clip_ids if int(clip) % 7 == 0]
    told = {
        check["name"]: check["detail"] for check in json.loads((pair_run.path / "audit.json").read_text())
    }
    assert told["text: absent clips, train"].startswith("9 of 60, for which learned values stand in: 00000")
    assert told["audio: absent clips, train"] == "none: it holds all 60"
    known = json.loads((pair_run.path / "environment.json").read_text())
    assert set(known["recipe_id"]) == set(known["inputs"]["cache"]) == {"audio", "text"}


def test_predictions_are_those_of_the_fit_whatever_is_asked_for_beside(pair, pair_run, splits):
    whole = predict(pair_run, pair)
    assert len(whole.clip_ids) == 95
    by_clip = dict(zip(whole.clip_ids, whole.values, strict=True))
    few = predict(
        pair_run, pair, ["00063", "00001", "00000"]
    )  # the first and the last are in one stream only
    for clip, values in zip(few.clip_ids, few.values, strict=True):
        assert np.allclose(values, by_clip[clip], atol=1e-6)
    found = evaluate(pair_run, pair, splits.valid)
    assert found["scores"]["pearson"]["mean"] == pytest.approx(
        pair_run.metrics["valid"]["pearson"]["mean"], abs=1e-6
    )
    assert found["clips"] == 30


@pytest.mark.parametrize("missing", ["drop", "refuse"])
def test_clips_that_a_stream_lacks_are_dropped_or_refused(missing, pair, splits, small, quiet, tmp_path):
    config = replace(small, epochs=1, missing=missing, min_coverage=0.5)
    if missing == "refuse":
        whole = fit(
            {**pair, "text": pair["audio"]}, splits, config, tmp_path / "r", progress=quiet, shared=PLAIN
        )
        with pytest.raises(LabelError, match=r"not in every stream.*: 00000; extract .*train-mean$"):
            predict(whole, pair, ["00000"], allow_recipe_diff=True)  # no hint at an id that is nearly its own
        with pytest.raises(LabelError) as caught:
            fit(pair, splits, config, tmp_path / "run", progress=quiet, shared=PLAIN)
        assert "lacks 13 of 90 clips that another stream holds: 00000, 00007, 00014 and 10 more" in str(
            caught.value
        )
        return
    run = fit(pair, splits, config, tmp_path / "run", progress=quiet, shared=PLAIN)
    assert run.metrics["clips"] == {"fit": 41, "inner": 10, "valid": 26}
    assert not run.head.shape.tokens
    with pytest.raises(LabelError, match="1 of the 2 clips asked for are not in every stream: 00000"):
        predict(run, pair, ["00000", "00001"])
    assert predict(run, pair, ["00000", "00001"], missing="train-mean").filled == ("00000",)


def test_each_stream_is_standardised_by_speaker_if_asked(pair, splits, small, quiet, tmp_path):
    config = replace(small, epochs=1, streams={"text": {"standardise": "speaker"}})
    run = fit(pair, splits, config, tmp_path / "run", progress=quiet, shared=PLAIN)
    assert "speakers" in json.loads((run.path / "environment.json").read_text())["identity"]
    speakers = {**splits.train.by_clip, **splits.valid.by_clip}
    found = predict(run, pair, splits.valid.clip_ids, speakers=speakers)
    assert np.isfinite(found.values).all()
    with pytest.raises(LabelError, match="standardised by speaker, and no speakers are given"):
        predict(run, pair, splits.valid.clip_ids)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"streams": {"txt": {"hidden": 3}}},
            "streams.txt: there is no stream 'txt', found audio, text; did you mean 'text'",
        ),
        ({"query": "face"}, "query: there is no stream 'face', found audio, text"),
        ({"streams": {"text": {"layer": 2}}}, "stream text: "),
    ],
)
def test_a_config_of_other_streams_is_refused_in_one_line(changes, said, pair, splits, small):
    with opened(pair) as reader, pytest.raises(ConfigError) as caught:
        plan_fit(reader, splits, replace(small, **changes))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("changes", [{"streams": {"text": {}}}, {"query": "text"}, {"stream_dropout": 0.5}])
def test_one_cache_has_no_streams(changes, corpus, splits, small):
    with (
        opened(corpus.cache) as reader,
        pytest.raises(ConfigError, match=r"found one cache; name each stream"),
    ):
        plan_fit(reader, splits, replace(small, **changes))


def test_a_fusion_that_takes_more_streams_is_refused(monkeypatch, corpus, pair):
    class Fusion:
        least, most = 3, 4

    monkeypatch.setattr(STREAM_FUSIONS, "_entries", {"three": None})
    monkeypatch.setattr(STREAM_FUSIONS, "get", lambda _name: Fusion)
    config = FitConfig(fusion="three")
    for cache, found in ((corpus.cache, "one cache without a name"), (pair, "2 (audio, text)")):
        with opened(cache) as reader, pytest.raises(ConfigError) as caught:
            require_streams(reader, config)
        assert f"fusion three: takes 3 to 4 streams, found {found}" in str(caught.value)


def test_a_stream_without_a_clip_to_learn_from_is_refused(corpus, make_text, splits, small, tmp_path):
    late = {clip: labels for clip, labels in corpus.truth.items() if int(clip) >= 60}
    caches, said = (
        {"audio": corpus.cache, "text": make_text(tmp_path / "late", late)},
        "holds none of 48 clips",
    )
    with opened(caches) as reader, pytest.raises(LabelError, match=said):
        plan_fit(reader, splits, small)


def test_a_head_takes_its_own_streams_and_their_recipes(pair, pair_run, run, corpus, make_cache, tmp_path):
    for cache, said in (
        (corpus.cache, "found one cache without a name, the head of"),
        ({"audio": corpus.cache}, "give audio=CACHE text=CACHE"),
        ({**pair, "face": corpus.cache}, "found audio, face, text"),
    ):
        with pytest.raises(RunError) as caught:
            predict(pair_run, cache)
        assert said in str(caught.value)
    with pytest.raises(RunError, match="give one CACHE without a name"):
        predict(run, {"audio": corpus.cache})
    other = make_cache(
        tmp_path / "other", corpus.truth, {"format_version": 1, "model": "toy 2", "layers": [1, 2]}
    )
    with pytest.raises(RunError, match=r"stream audio: .*made with another recipe"):
        predict(pair_run, {**pair, "audio": other})
    found = predict(pair_run, {**pair, "audio": other}, allow_recipe_diff=True)
    assert any(line.startswith("audio: ") for line in found.recipe_diff)


def test_a_layer_that_only_some_streams_have_is_said_of_those(pair, splits, small, quiet, tmp_path):
    with pytest.raises(ConfigError) as caught:
        fit(pair, splits, replace(small, layer=1), tmp_path / "run", progress=quiet, shared=PLAIN)
    assert "leave --layer out; where not all streams have it, --set streams.NAME.layer=1 is of one" in str(
        caught.value
    )
    with opened(pair) as reader:
        task = plan_fit(reader, splits, replace(small, streams={"audio": {"layer": 1}}))
    assert (task.streams["audio"].layer, task.streams["text"].layer) == (1, None)


def test_one_cache_may_stand_under_two_names_with_other_settings(corpus, splits, small, quiet, tmp_path):
    both = {"low": corpus.cache, "high": corpus.cache}
    config = replace(small, epochs=1, lstm=False, streams={"low": {"layer": 1, "vad": False}})
    run = fit(both, splits, config, tmp_path / "run", progress=quiet, shared=PLAIN)
    assert {name: side.layer for name, side in run.streams.items()} == {"high": 2, "low": 1}
    assert len(predict(run, both).clip_ids) == 95


def test_values_that_no_training_clip_teaches_are_told_of_before_the_fit(
    pair, splits, corpus, make_text, tmp_path
):
    lacking = splits.valid.clip_ids[:3]
    some = {**pair, "text": make_text(tmp_path / "text", corpus.truth, lacking)}
    with opened(some) as reader:
        told = {check.name: check.detail for check in audit_splits(reader, splits).checks}
    assert told["text: absent clips, valid"].startswith(
        "3 of 30, for which values that only --stream-dropout teaches (no training clip does) stand in: 00060"
    )
