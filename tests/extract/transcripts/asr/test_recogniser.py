"""The real recogniser on spoken digits: as a plain faster-whisper loop hears them; times lie in the clip."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from extract.audio.decode import decode
from extract.errors import ClipError, EncoderError
from extract.sources.clips import SourceClip
from extract.transcripts.asr.model_files import INSTALL, find_asr
from extract.transcripts.asr.options import TranscribeOptions
from extract.transcripts.asr.recogniser import (
    LEAD_SECONDS,
    Recogniser,
    device_of,
    precision,
    recipe_of_asr,
)

DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


def plain(text: str) -> str:
    """Return a spoken digit in lower case, without punctuation, as a word."""
    bare = "".join(letter for letter in text.lower() if letter.isalnum())
    return DIGITS[int(bare)] if bare in set("0123456789") else bare


@pytest.fixture(scope="module")
def digits(root) -> list[Path]:
    folder = root / "shared" / "speech" if (root / "shared").is_dir() else root.parent / "shared" / "speech"
    if not folder.is_dir():
        pytest.skip("needs the spoken digits in shared/speech")
    speakers = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
    return [folder / f"{digit}_{speakers[digit % 6]}_7.wav" for digit in range(10)]


def test_eight_of_ten_digits_are_heard_as_a_plain_loop_hears_them(whisper_tiny, digits) -> None:
    from faster_whisper import WhisperModel

    options = TranscribeOptions(str(whisper_tiny), language="en")
    files = find_asr(options.asr, None)
    ours = Recogniser(files, recipe_of_asr(files, options, "cpu"), "en", "cpu")
    theirs = WhisperModel(str(whisper_tiny), device="cpu", compute_type="int8")
    right = 0
    for digit, path in enumerate(digits):
        samples = decode(SourceClip(path.stem, path, path.name), 12.0).samples
        heard = ours.hear(samples)
        right += plain(heard.text) == DIGITS[digit]
        assert all(0 <= w.start <= w.end <= len(samples) / 16_000 for w, _ in heard.words)
        if digit < 2:
            padded = np.concatenate([np.zeros(round(16_000 * LEAD_SECONDS), np.float32), samples])
            segments, _ = theirs.transcribe(padded, language="en", beam_size=5, temperature=0)
            assert heard.text == "".join(segment.text for segment in segments).strip()
    assert right >= 8


def test_an_unknown_language_and_broken_weights_are_one_line(whisper_tiny, tmp_path) -> None:
    files = find_asr(str(whisper_tiny), None)
    recipe = {"precision": "int8"}
    with pytest.raises(EncoderError, match="--language xx"):
        Recogniser(files, recipe, "xx", "cpu")
    for name in ("tokenizer.json", "config.json", "vocabulary.txt"):
        (tmp_path / name).write_bytes((whisper_tiny / name).read_bytes())
    (tmp_path / "model.bin").write_bytes(b"no weights")
    with pytest.raises(EncoderError, match="cannot be loaded as a Whisper"):
        Recogniser(find_asr(str(tmp_path), None), recipe, None, "cpu")


def test_the_way_to_install_it_is_named(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "ctranslate2", None)
    with pytest.raises(EncoderError) as refused:
        device_of("auto")
    assert str(refused.value) == INSTALL


def test_a_precision_suits_its_device() -> None:
    assert [precision("auto", device) for device in ("cpu", "cuda")] == ["int8", "float16"]
    assert precision("float32", "cpu") == "float32"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("tokenizer.json", "{}"),
        ("preprocessor_config.json", "5"),
        ("preprocessor_config.json", '{"hop_length": 0}'),
    ],
)
def test_odd_files_of_a_model_are_one_line(whisper_tiny, tmp_path, name, content) -> None:
    for file in ("tokenizer.json", "config.json", "vocabulary.txt", "model.bin"):
        (tmp_path / file).symlink_to(whisper_tiny / file)
    (tmp_path / name).unlink(missing_ok=True)
    (tmp_path / name).write_text(content)
    with pytest.raises(EncoderError, match="cannot be loaded as a Whisper") as caught:
        Recogniser(find_asr(str(tmp_path), None), {"precision": "int8"}, None, "cpu")
    assert "\n" not in str(caught.value)


def test_a_model_that_fails_on_every_clip_lists_it(whisper_tiny, tmp_path) -> None:
    for file in ("tokenizer.json", "config.json", "vocabulary.txt", "model.bin"):
        (tmp_path / file).symlink_to(whisper_tiny / file)
    (tmp_path / "preprocessor_config.json").write_text('{"feature_size": 128}')  # the model has 80
    mine = Recogniser(find_asr(str(tmp_path), None), {"precision": "int8"}, None, "cpu")
    with pytest.raises(ClipError, match="the recogniser fails on it"):
        mine.hear(np.full(16_000, 0.1, np.float32))
