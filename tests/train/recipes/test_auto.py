"""The default recipe: the method on its own features, what was measured on every other kind."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.bench.noise_labels import Task, interval_of_each
from train import FitConfig
from train.errors import ConfigError
from train.recipes.auto import MEASURED, auto
from train.recipes.choose import recipe_config
from train.recipes.recipe import Known, known_of

METHODS = Known("hidden_states/12", 1024, True, False, 9000)


def test_on_the_methods_own_features_it_is_the_method_fitted_again_on_all_of_train() -> None:
    recipe = auto(METHODS)
    assert FitConfig.from_dict(recipe.fields) == FitConfig(refit=True)
    assert "published method" in recipe.why
    assert "1024 channels" in recipe.why


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"field": "logmel", "width": 80, "vad": False}, "logmel with 80 channels"),
        ({"width": 64}, "hidden_states/12 with 64 channels"),
        ({"vad": False}, "without VAD"),
        ({"compact": True}, "a compact cache"),
        ({"field": "whisper"}, "whisper with 1024 channels"),
    ],
)
def test_on_every_other_kind_it_is_what_was_measured(changes, said) -> None:
    known = replace(METHODS, **changes)
    recipe = auto(known)
    config = FitConfig.from_dict(recipe.fields)
    assert config.clip_vector == "components"
    assert config.select == "last"
    assert not config.lstm
    assert config.vad == known.vad
    assert said in recipe.why
    assert "--recipe paper" in recipe.why
    assert {name: recipe.fields[name] for name in MEASURED} == MEASURED


@pytest.mark.parametrize(("clips", "epochs"), [(3, 1000), (100, 250), (428, 72), (10_000, 30)])
def test_few_clips_take_more_epochs(clips, epochs) -> None:
    recipe = auto(Known("logmel", 80, False, False, clips))
    assert recipe.fields["epochs"] == epochs
    assert f"{epochs} epochs" in recipe.why


def test_it_finds_nothing_in_noise() -> None:
    """Labels drawn without looking at the frames; more in `tests/bench/noise_labels.py`."""
    ends = [interval_of_each(Task(number, ("auto",)))["auto"] for number in range(4)]
    assert sum(low <= 0 <= high for _, low, high in ends) >= 3, ends
    assert abs(sum(estimate for estimate, _, _ in ends) / 4) < 0.25


def test_of_several_streams_it_is_the_measured_one_whatever_they_are(pair):
    known = known_of(pair, 60)
    assert [each.field for each in known.streams] == ["hidden_states/2", "words"]
    made = auto(known)
    assert "vad" not in made.fields, "a stream has it where its cache does"
    assert made.fields["clip_vector"] == "components"
    assert "those of 2 streams" in made.why
    config = recipe_config(pair, 60, streams={"text": {"clip_vector": "mean"}})
    assert (config.fusion, config.streams["text"]) == ("mlp", {"clip_vector": "mean"})
    config = recipe_config(pair, 60, streams={"text": {"temporal": "attention"}})
    assert config.of_stream("text").lstm, "a stream's temporal model is switched on by its name"
    assert not config.of_stream("audio").lstm


def test_one_stream_with_a_name_takes_what_its_cache_takes_without_one(corpus):
    assert known_of({"audio": corpus.cache}, 60) == known_of(corpus.cache, 60)
    assert recipe_config({"audio": corpus.cache}, 60) == recipe_config(corpus.cache, 60)


def test_a_stream_that_weighs_its_layers_has_their_mean_and_the_others_what_was_measured(pair):
    config = recipe_config(pair, 60, streams={"audio": {"layer": "weighted"}})
    assert config.of_stream("audio").clip_vector == "mean"
    assert config.of_stream("text").clip_vector == "components"
    with pytest.raises(ConfigError, match=r"streams.audio: layer weighted and clip_vector statistics"):
        recipe_config(pair, 60, streams={"audio": {"layer": "weighted", "clip_vector": "statistics"}})
    with pytest.raises(ConfigError, match=r"streams.audio: layer weighted and clip_vector statistics"):
        recipe_config(pair, 60, clip_vector="statistics", streams={"audio": {"layer": "weighted"}})
