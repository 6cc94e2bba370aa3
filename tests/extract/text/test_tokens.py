"""Tokens have the time of their word, in every layout and script; windows leave no token out and none twice."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from extract.errors import EncoderError
from extract.text.model_files import find_text_model
from extract.text.tokens import TextTokenizer
from extract.transcripts.transcript import Transcript, Word


def tokenizer(folder, prefix: str = "", max_tokens: int | None = None) -> TextTokenizer:
    return TextTokenizer(folder, find_text_model(str(folder), None).config, prefix, max_tokens)


def spoken(text: str) -> Transcript:
    """Say one word a second, each for half of it."""
    words = tuple(Word(word, float(n), n + 0.5) for n, word in enumerate(text.split()))
    return Transcript("a", text, words, float(len(words)))


@pytest.mark.parametrize("kind", ["bert", "roberta", "xlm-roberta", "modernbert"])
@pytest.mark.parametrize("text", ["Hello there, friend!", "שלום עולם", "😀🎉 yes 你好", "a  b\n c"])
def test_every_word_s_tokens_have_its_time(text_model, kind, text) -> None:
    found = tokenizer(text_model(kind)).tokens(spoken(text))
    starts = found.times[:, 0]
    assert found.num_tokens == len(found.windows[0].ids)
    assert (np.diff(starts) >= 0).all()
    words = len(text.split())
    assert set(np.floor(starts[1:-1])) == set(range(words))  # every word has a token, and none another time
    assert tuple(found.times[0]) == (0.0, 0.0)
    assert tuple(found.times[-1]) == (found.timed.end, found.timed.end)


def test_tokens_of_a_prefix_stand_at_the_start(text_model) -> None:
    folder = text_model("xlm-roberta")
    plain, prefixed = (tokenizer(folder, prefix).tokens(spoken("one two")) for prefix in ("", "query: "))
    more = prefixed.num_tokens - plain.num_tokens
    assert more > 0
    assert (prefixed.times[: more + 1] == 0).all()
    assert prefixed.times[more + 2 :] == pytest.approx(plain.times[2:])


@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_windows_leave_no_token_out_and_none_twice(text_model, kind) -> None:
    text = " ".join(f"{n} hello" for n in range(150))
    folder = text_model(kind)
    whole = tokenizer(folder)._tokenizer(text)["input_ids"]
    found = tokenizer(folder, max_tokens=24).tokens(spoken(text))
    assert all(len(window.ids) <= 24 for window in found.windows)
    kept = [token for window in found.windows for token in window.ids[window.first : window.stop]]
    assert kept == whole
    assert (np.diff(found.times[:, 0]) >= 0).all()


def test_three_thousand_words(text_model) -> None:
    found = tokenizer(text_model("bert")).tokens(spoken("hello " * 3000))
    assert len(found.windows) > 40
    assert found.times[-2, 0] == 2999.0


def test_the_hash_is_that_of_what_the_tokenizer_does(text_model) -> None:
    one = tokenizer(text_model("bert"))
    before = one.sha256()
    one.tokens(spoken("hello " * 99))
    assert one.sha256() == before == tokenizer(text_model("bert")).sha256()
    assert before != tokenizer(text_model("roberta")).sha256()


def test_more_tokens_than_it_takes_are_refused(text_model) -> None:
    assert tokenizer(text_model("roberta")).max_tokens == 64
    with pytest.raises(EncoderError, match="takes 64"):
        tokenizer(text_model("roberta"), max_tokens=65)


def test_a_broken_tokenizer_is_one_line(text_model, tmp_path) -> None:
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(EncoderError, match="cannot be loaded"):
        TextTokenizer(tmp_path, {"model_type": "bert"}, "", None)


def test_a_tokenizer_that_fails_on_a_text_is_one_line(text_model, tmp_path) -> None:
    folder = shutil.copytree(text_model("bert"), tmp_path / "model")
    settings = json.loads((folder / "tokenizer.json").read_text())
    settings["model"]["vocab"] = {}
    (folder / "tokenizer.json").write_text(json.dumps(settings))
    with pytest.raises(EncoderError, match="tokenizer fails on the transcript of a ") as caught:
        tokenizer(folder).tokens(spoken("one two"))
    assert "\n" not in str(caught.value)


def test_a_token_of_a_number_beyond_reason_is_refused(text_model, tmp_path) -> None:
    folder = shutil.copytree(text_model("bert"), tmp_path / "model")
    settings = json.loads((folder / "tokenizer.json").read_text())
    settings["model"]["vocab"]["zzz"] = 1 << 31
    (folder / "tokenizer.json").write_text(json.dumps(settings))
    with pytest.raises(EncoderError, match="numbers a token 2147483648, expected at most 16777216"):
        tokenizer(folder)


@pytest.mark.parametrize("longest", ["x", -1, 0, 7])
def test_an_odd_length_of_texts_is_one_line_or_passed_over(text_model, tmp_path, longest) -> None:
    folder = shutil.copytree(text_model("bert"), tmp_path / "model")
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps({**settings, "model_max_length": longest}))
    if longest == "x":
        assert tokenizer(folder).max_tokens == 64
    else:
        with pytest.raises(EncoderError, match=f"takes {longest} tokens at once"):
            tokenizer(folder)


def test_a_padding_that_is_no_number_is_passed_over(text_model) -> None:
    config = find_text_model(str(text_model("roberta")), None).config | {"pad_token_id": "x"}
    assert TextTokenizer(text_model("roberta"), config, "", None).max_tokens == 64
