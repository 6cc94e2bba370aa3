"""The recipe of a speech encoder, key by key, and the words that stand in caches made before."""

from __future__ import annotations

from extract.encoders.hub import ModelFiles
from extract.encoders.speech.layout import read_layout
from extract.encoders.speech.recipe import CHUNKING, speech_recipe
from extract.encoders.wav2vec2 import WAV2VEC2

CONFIG = {"id2label": {"0": "arousal", "1": "dominance", "2": "valence"}}


def test_a_recipe_says_what_determines_the_values() -> None:
    layout = read_layout(CONFIG, "6,12", WAV2VEC2)
    recipe = speech_recipe(ModelFiles("a/b", "c", CONFIG, True, None), layout, "d", "float16")
    assert recipe == {
        "model": "a/b",
        "revision": "c",
        "weights_sha256": "d",
        "config_sha256": layout.config_sha256(),
        "layers": [6, 12],
        "vad": ["arousal", "dominance", "valence"],
        "normalisation": "zero mean, unit variance per clip",
        "precision": "float16",
    }
    plain = speech_recipe(
        ModelFiles("a/b", "c", {}, False, None), read_layout({}, "last", WAV2VEC2), "d", "float16"
    )
    assert (plain["vad"], plain["normalisation"]) == ([], "none")


def test_the_words_for_long_clips_are_those_of_caches_made_before() -> None:
    assert CHUNKING == (
        "convolutions exact; attention over the whole clip up to 60 s, beyond that over windows of 60 s with "
        "10 s of context at either end (approximate)"
    )
