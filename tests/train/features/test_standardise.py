"""Standardised inputs: by the training clips, kept in the run; or by each speaker's own clips."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from cache import CacheReader
from train import FitConfig, evaluate, fit, load_run, predict, read_splits
from train.errors import LabelError
from train.features.batches import Batcher, load_features
from train.features.standardise import by_speaker, clip_moments, frame_moments
from train.fitting.task import plan_fit
from train.scores.metrics import score_all


@pytest.fixture
def standard(corpus, splits, small, quiet, tmp_path):
    def make(how="train", name="run", labels=splits, **settings):
        config = replace(small, standardise=how, **settings)
        return fit(corpus.cache, labels, config, tmp_path / name, progress=quiet)

    return make


def frames_of(cache, clips, fields=("hidden_states/2", "vad")):
    with CacheReader(cache) as reader:
        return [
            np.concatenate([reader.read_frames(clip, name) for name in fields], axis=1).astype(np.float64)
            for clip in clips
        ]


def test_the_moments_are_those_of_numpy_over_the_clips_trained_on(corpus, splits, small, standard) -> None:
    run = standard()
    with CacheReader(corpus.cache) as reader:
        task = plan_fit(reader, splits, replace(small, standardise="train"))
    clips = [task.clip_ids[position] for position in task.parts["fit"]]
    assert len(clips) < len(splits.train)  # the inner part is not among them
    frames = frames_of(corpus.cache, clips)
    means = np.stack([each.mean(0) for each in frames])
    joined = np.concatenate(frames)
    moments = dict(run.head.standardise.named_buffers())
    for name, expected in (
        ("frame_mean", joined.mean(0)), ("frame_deviation", joined.std(0)),
        ("clip_mean", means.mean(0)), ("clip_deviation", means.std(0)),
    ):  # fmt: skip
        np.testing.assert_allclose(moments[name].numpy(), expected, rtol=2e-3, atol=2e-3, err_msg=name)


@pytest.mark.parametrize("how", ["train", "speaker"])
def test_a_constant_or_shifted_channel_changes_nothing(
    how, corpus, splits, small, quiet, make_cache, tmp_path
):
    """Moving a channel by a million, or scaling it, is what standardising undoes; a constant one is 0."""

    def changed(clip, scale=8.0, shift=16.0):
        frames = {k: v * scale + shift if k == "vad" else v for k, v in clip.frames.items()}
        return replace(clip, frames=frames, global_mean={k: v.mean(0) for k, v in frames.items()})

    def constant(clip):
        return changed(clip, 0.0, 33.3)

    config = replace(small, standardise=how, epochs=2)
    values = {}
    for name, change in (("plain", lambda clip: clip), ("moved", changed), ("constant", constant)):
        cache = make_cache(tmp_path / name, corpus.truth, changed=change)
        run = fit(cache, splits, config, tmp_path / f"run-{name}", progress=quiet)
        speakers = {**splits.train.by_clip, **splits.valid.by_clip}
        values[name] = predict(run, cache, splits.valid.clip_ids, speakers=speakers).values
    np.testing.assert_allclose(values["plain"], values["moved"], atol=1e-3)
    assert np.isfinite(values["constant"]).all()


def test_every_speaker_has_mean_0_and_deviation_1(corpus, splits) -> None:
    with CacheReader(corpus.cache) as reader:
        clips = splits.train.clip_ids
        features = load_features(reader, clips, FitConfig())
        alike = by_speaker(features, splits.train.speakers)
        who = np.array(splits.train.speakers)
        for speaker in set(who):
            where = np.flatnonzero(who == speaker)
            for found in (frame_moments(alike, where), clip_moments(alike, where)):
                np.testing.assert_allclose(found.mean.numpy(), 0, atol=1e-4)
                np.testing.assert_allclose(found.deviation.numpy(), 1, atol=1e-3)
        batch = Batcher(alike, torch.device("cpu"))(np.arange(5))
        for row, length in enumerate(batch.lengths):
            assert not batch.frames[row, length:].any()


def test_a_speaker_with_one_clip_and_frames_that_do_not_fit_in_memory(corpus, splits) -> None:
    with CacheReader(corpus.cache) as reader:
        clips, who = splits.train.clip_ids[:7], [*"aaabbbc"]
        features = [load_features(reader, clips, FitConfig(), budget=budget) for budget in (None, 0)]
        assert [each.in_memory for each in features] == [True, False]
        one, two = (Batcher(by_speaker(each, who), torch.device("cpu"))(np.arange(7)) for each in features)
        assert torch.equal(one.frames, two.frames)
        assert torch.isfinite(one.frames).all()
        assert not one.global_mean[6].any()  # the mean of one clip is its speaker's


def test_a_prediction_by_speaker_does_not_depend_on_what_else_is_asked_for(corpus, splits, standard) -> None:
    run = load_run(standard("speaker").path)
    speakers = splits.valid.by_clip
    together = predict(run, corpus.cache, splits.valid.clip_ids, speakers=speakers).values
    alone = predict(run, corpus.cache, splits.valid.clip_ids[3:4], speakers=speakers).values
    np.testing.assert_allclose(together[3:4], alone, atol=1e-6)
    scores = evaluate(run, corpus.cache, splits.valid)
    assert scores["scores"]["pearson"]["mean"] == pytest.approx(
        run.metrics["valid"]["pearson"]["mean"], abs=1e-6
    )


def test_an_evaluation_counts_unlabelled_clips_of_a_speaker_as_a_prediction_does(
    corpus, splits, standard, cli, table, tmp_path
) -> None:
    run = standard("speaker")
    few = splits.valid.take(range(0, 30, 2))
    rows = [[clip, *corpus.truth[clip]] for clip in few.clip_ids]
    labels = table(tmp_path / "few.csv", ["clip_id", *few.names], rows)
    known = {**splits.valid.by_clip, "00090": "s14"}  # the last one is in no table of labels
    speakers = table(tmp_path / "speakers.csv", ["clip_id", "speaker"], known.items())
    told = ["--labels", labels, "--speakers", speakers, "--permutations", 0, "--json"]
    code, text, err = cli("evaluate", run.path, corpus.cache, *told)
    assert code == 0, err
    scores = [
        score_all(few.targets, predict(run, corpus.cache, few.clip_ids, speakers=each).values, few.names)
        for each in (known, few.by_clip)
    ]
    all_of_them, labelled = (each["pearson"]["mean"] for each in scores)
    assert json.loads(text)["scores"]["pearson"]["mean"] == pytest.approx(all_of_them, abs=1e-9)
    assert abs(all_of_them - labelled) > 1e-3


def test_speakers_that_are_not_known_are_refused(
    corpus, splits, standard, small, tmp_path, table, quiet
) -> None:
    run = standard("speaker")
    with pytest.raises(LabelError, match="standardised by speaker, and no speakers are given"):
        predict(run, corpus.cache)
    some = dict(list(splits.valid.by_clip.items())[:3])
    with pytest.raises(LabelError, match="no speaker is known of 27 clips"):
        predict(run, corpus.cache, splits.valid.clip_ids, speakers=some)
    nobody = replace(splits, train=replace(splits.train, speakers=(None,) * len(splits.train)))
    with pytest.raises(LabelError, match="standardise speaker needs every clip's: name them with --speakers"):
        fit(corpus.cache, nobody, replace(small, standardise="speaker"), tmp_path / "no", progress=quiet)


def test_the_audit_says_what_standardising_by_speaker_assumes(standard) -> None:
    assert "many clips of a speaker are at hand" in (standard("speaker").path / "audit.json").read_text()
    assert "many clips of a speaker" not in (standard(name="other").path / "audit.json").read_text()


def test_other_speakers_are_another_fit(corpus, splits, standard, small, quiet) -> None:
    """By speaker, they decide the head, and not its interval alone."""
    run = standard("speaker")
    other = replace(splits, train=replace(splits.train, speakers=splits.train.speakers[::-1]))
    from train.errors import RunError

    with pytest.raises(RunError, match="another fit"):
        fit(corpus.cache, other, replace(small, standardise="speaker"), run.path, progress=quiet)


def test_the_same_bits_interrupted_or_not(standard, corpus, splits, small, quiet, tmp_path) -> None:
    whole = standard()
    config = replace(small, standardise="train")

    class Killed(BaseException):
        pass

    class Dying(type(quiet)):
        def line(self, text):
            if text.startswith("epoch 2/"):
                raise Killed

    with (tmp_path / "log").open("w") as log, pytest.raises(Killed):
        fit(corpus.cache, splits, config, tmp_path / "again", progress=Dying(log))
    again = fit(corpus.cache, splits, config, tmp_path / "again", progress=quiet)
    for name in ("head.safetensors", "predictions.csv"):
        assert (whole.path / name).read_bytes() == (again.path / name).read_bytes()


def test_older_heads_and_configs_do_not_name_it(run) -> None:
    assert "standardise" not in run.config.to_dict()
    assert "standardise" not in run.head.shape.to_dict()
    assert FitConfig.from_dict(run.config.to_dict()).standardise == "none"


def test_the_commands_take_it(cli, corpus, tmp_path) -> None:
    common = ("--labels", corpus.labels, "--hidden", "4", "--epochs", "2", "--threads", "1")
    code, _, err = cli("fit", corpus.cache, *common, "--standardise", "speaker", "--out", tmp_path / "r")
    assert code == 0, err
    shutil.copy(corpus.labels / "valid_split.csv", tmp_path / "s.csv")
    where = (tmp_path / "r", corpus.cache, "--ids", tmp_path / "s.csv", "--out", tmp_path / "p.csv")
    code, _, err = cli("predict", *where)
    assert code == 1
    assert "name those of all clips with --speakers" in " ".join(err.split())
    code, _, err = cli("predict", *where, "--speakers", tmp_path / "s.csv")
    assert code == 0, err
    assert (
        len(read_splits(labels=corpus.labels).valid) == len((tmp_path / "p.csv").read_text().splitlines()) - 1
    )
