"""Silence that is encoded once: what the decoder is given, and that no clip hears another."""

from __future__ import annotations

import numpy as np
import pytest

from extract.errors import EncoderError
from extract.options import EngineOptions
from extract.transcripts.asr.model_files import AsrFiles, find_asr
from extract.transcripts.asr.options import TranscribeOptions
from extract.transcripts.asr.padding import columns_heard, share_silence
from extract.transcripts.asr.recogniser import Recogniser, recipe_of_asr

BANDS, COLUMNS = 4, 3000


def window(sound: int, seed: int = 0) -> np.ndarray:
    made = np.zeros((1, BANDS, COLUMNS), np.float32)
    made[..., :sound] = np.random.default_rng(seed).standard_normal((1, BANDS, sound))
    return made


@pytest.mark.parametrize(
    ("sound", "padding", "heard"),
    [(40, 5, 540), (41, 5, 542), (0, 1, 100), (2990, 1, 3000), (3000, 1, 3000), (40, 0.015, 42)],
)
def test_an_even_number_of_columns_is_encoded_and_never_more_than_there_are(sound, padding, heard) -> None:
    assert columns_heard(window(sound), padding) == heard


class Model:
    """Stands for faster-whisper and CTranslate2 at once: a position says how much sound its encoder was given."""

    def __init__(self) -> None:
        self.model, self.lengths = self, []

    def encode(self, features) -> np.ndarray:
        values = np.array(features)
        self.lengths.append(values.shape[-1])
        return np.full((1, values.shape[-1] // 2, 3), values.any() * values.shape[-1], np.float32)


@pytest.fixture
def short():
    """A model whose windows are cut 5 s behind their sound, and what its own encoder was given."""
    pytest.importorskip("ctranslate2", reason="needs ctranslate2")
    inner, outer = Model(), Model()
    outer.model = inner
    share_silence(outer, 5.0)
    return outer, inner.lengths


def test_the_decoder_is_given_thirty_seconds_of_which_the_silence_is_encoded_once(short) -> None:
    model, lengths = short
    first, again = (np.array(model.encode(window(40, seed)[0])) for seed in (0, 1))
    assert first.shape == again.shape == (1, COLUMNS // 2, 3)
    assert (first[:, :270] == 540).all()
    assert (first[:, 270:] == 0).all()
    assert lengths == [540, 3000, 540]


def test_a_full_window_is_encoded_as_ever(short) -> None:
    model, lengths = short
    assert (np.array(model.encode(window(COLUMNS))) == COLUMNS).all()
    assert lengths == [COLUMNS]


def test_only_a_choice_stands_in_the_recipe_and_only_a_cpu_has_it(tmp_path) -> None:
    for name in ("model.bin", "tokenizer.json", "config.json"):
        (tmp_path / name).write_text("{}")
    files = AsrFiles(tmp_path, "local", "local")
    usual = recipe_of_asr(files, TranscribeOptions("x"), "cpu")
    chosen = recipe_of_asr(files, TranscribeOptions("x", padding=5), "cpu")
    assert chosen == {**usual, "padding_seconds": 5.0}
    assert recipe_of_asr(files, TranscribeOptions("x"), "cuda")["precision"] == "float16"
    with pytest.raises(EncoderError, match="--padding 5: only on a CPU"):
        recipe_of_asr(files, TranscribeOptions("x", padding=5), "cuda")
    on_ray = TranscribeOptions("x", EngineOptions("ray", gpus_per_worker=1), padding=5)
    with pytest.raises(EncoderError, match="choose --gpus-per-worker 0, or leave it out"):
        recipe_of_asr(files, on_ray, "cuda")


def test_a_real_clip_is_heard_the_same_whatever_was_heard_before(whisper_tiny, voice) -> None:
    options = TranscribeOptions(str(whisper_tiny), language="en", padding=2)
    files = find_asr(options.asr, None)
    recipe = recipe_of_asr(files, options, "cpu")
    recogniser = Recogniser(files, recipe, "en", "cpu")
    sound, other = voice(0.5)[:, 0], voice(0.9, seed=3)[:, 0]
    first = recogniser.hear(sound)
    recogniser.hear(other)
    assert recogniser.hear(sound) == first
    encoded = np.array(recogniser._model.encode(window(40)[0].repeat(20, axis=0)))
    assert encoded.shape == (1, 1500, 384)
