"""Tokens that a Whisper's weights do not have are refused before CTranslate2 writes beside its memory."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from extract.encoders.whisper.model_bin import Variable
from extract.errors import EncoderError
from extract.transcripts.asr import check_tokens as module

CONFIG = {"suppress_ids": [1, 99], "suppress_ids_begin": [], "lang_ids": None}


@pytest.fixture
def check(monkeypatch, tmp_path):
    """Check settings against weights of 100 tokens."""
    weights = {"decoder/embeddings/weight": Variable("float16", (100, 8), 0, 0)}
    monkeypatch.setattr(module, "read_variables", lambda _path, _part: weights)

    def run(config: object, vocabulary: object = None, added: object = ()) -> None:
        path = tmp_path / "tokenizer.json"
        path.write_text(json.dumps({"model": {"vocab": vocabulary}, "added_tokens": list(added)}))
        module.check_tokens(tmp_path / "model.bin", config, path)

    return run


def test_numbers_within_the_model_pass(check) -> None:
    check(CONFIG, {"a": 99}, [{"content": "b", "id": 0}])
    check({}, ["a", "b"], [5])  # no vocabulary that this knows


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"suppress_ids": [100]}, "suppress_ids in its config.json names '100', model.bin has 100 tokens"),
        ({"suppress_ids_begin": [1, -1]}, "suppress_ids_begin .* names '-1'"),
        ({"suppress_ids": [True]}, "names 'True'"),
        ({"lang_ids": "x" * 99}, "lang_ids .* names 'x{60}'"),
    ],
)
def test_numbers_beyond_it_are_named(check, change, message) -> None:
    with pytest.raises(EncoderError, match=message):
        check({**CONFIG, **change})


@pytest.mark.parametrize("words", [({"a": 0, "b": 100}, ()), ({}, [{"content": "b", "id": 100}])])
def test_a_tokenizer_of_a_larger_model_is_refused(check, words) -> None:
    with pytest.raises(EncoderError, match=r"tokenizer\.json numbers 'b' 100, .*belong together"):
        check(CONFIG, *words)


def test_what_cannot_be_read_is_told_when_it_loads(tmp_path) -> None:
    (tmp_path / "model.bin").write_bytes(b"no weights")
    module.check_tokens(tmp_path / "model.bin", {"suppress_ids": [-1]}, Path("none"))


def test_a_folder_of_real_weights_passes_and_another_tokenizer_does_not(whisper_tiny, tmp_path) -> None:
    from extract.transcripts.asr.model_files import find_asr

    find_asr(str(whisper_tiny), None)
    for file in ("config.json", "vocabulary.txt", "model.bin"):
        (tmp_path / file).symlink_to(whisper_tiny / file)
    (tmp_path / "tokenizer.json").write_text(
        json.dumps({"added_tokens": [{"content": "<|x|>", "id": 51_865}]})
    )
    with pytest.raises(EncoderError, match=r"numbers '<\|x\|>' 51865, model\.bin has 51864 tokens"):
        find_asr(str(tmp_path), None)
