"""From a folder of real speech to predictions of two streams, with the real Whisper: frames, words, text, fit."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from extract.__main__ import app as extract_app
from train.__main__ import app as train_app

SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
DIGITS = {"1": "one", "2": "two"}


@pytest.fixture
def digits(root, tmp_path) -> Path:
    """Two spoken digits of six people, and a table of what they are; two of the people are held out."""
    folder = root / "shared" / "speech" if (root / "shared").is_dir() else root.parent / "shared" / "speech"
    if not folder.is_dir():
        pytest.skip("needs the spoken digits in shared/speech")
    (tmp_path / "media").mkdir()
    with (tmp_path / "labels.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["clip_id", "speaker", "split", "digit"])
        for digit, word in DIGITS.items():
            for speaker in SPEAKERS:
                name = f"{digit}_{speaker}_1"
                (tmp_path / "media" / f"{name}.wav").write_bytes((folder / f"{name}.wav").read_bytes())
                table.writerow([name, speaker, "valid" if speaker in SPEAKERS[-2:] else "train", word])
    return tmp_path


def test_a_folder_becomes_frames_words_text_and_predictions(real_whisper, text_model, digits) -> None:
    pytest.importorskip("faster_whisper", reason="needs faster-whisper")
    torch.set_num_threads(1)

    def run(app, *arguments: object) -> str:
        done = CliRunner().invoke(app, [str(argument) for argument in arguments])
        assert done.exit_code == 0, done.output
        return done.output

    media, table, labels = digits / "media", digits / "transcripts.csv", digits / "labels.csv"
    run(extract_app, "run", media, "--out", digits / "audio", "--model", real_whisper)
    asked = ("transcribe", media, "--out", table, "--asr", real_whisper, "--language", "en", "--padding", 5)
    run(extract_app, *asked)
    heard = {row["clip_id"]: row["text"].lower().strip(" .") for row in rows(table)}
    right = [text in (name[0], DIGITS[name[0]]) for name, text in heard.items()]
    assert len(right) == 12
    assert sum(right) >= 9
    run(extract_app, "text", table, "--out", digits / "text", "--model", text_model())
    streams = (f"audio={digits / 'audio'}", f"text={digits / 'text'}")
    fit = ("--labels", labels, "--targets", "digit", "--epochs", 3, "--no-floor", "--out", digits / "run")
    assert "2 streams" in run(train_app, "fit", *streams, *fit)
    said = ("--ids", labels, "--out", digits / "predictions.csv")
    run(train_app, "predict", digits / "run", *streams, *said)
    predicted = rows(digits / "predictions.csv")
    assert [row["clip_id"] for row in predicted] == [row["clip_id"] for row in rows(labels)]
    assert set(predicted[0]) == {"clip_id", "digit=one", "digit=two"}


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))
