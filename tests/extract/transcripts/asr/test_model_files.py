"""A recogniser's files: a folder, or one line on what is missing; each file counts in the recipe."""

from __future__ import annotations

import json

import pytest

from extract.errors import EncoderError
from extract.transcripts.asr.model_files import find_asr


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "model.bin").write_bytes(b"weights")
    (tmp_path / "tokenizer.json").write_text("{}")
    (tmp_path / "config.json").write_text(json.dumps({"alignment_heads": [], "suppress_ids": []}))
    return tmp_path


def test_every_file_that_changes_a_word_counts(folder) -> None:
    before = find_asr(str(folder), None).recipe()
    assert (before["model"], before["revision"]) == ("local", "local")
    for name in ("model.bin", "tokenizer.json", "vocabulary.txt"):
        (folder / name).write_bytes(b'{"other": 1}')
        after = find_asr(str(folder), None).recipe()
        assert after != before
        before = after


@pytest.mark.parametrize("name", ["model.bin", "tokenizer.json", "config.json"])
def test_a_missing_file_is_named(folder, name) -> None:
    (folder / name).unlink()
    with pytest.raises(EncoderError, match=f"lacks {name}"):
        find_asr(str(folder), None)


def test_a_config_of_something_else_is_refused(folder) -> None:
    (folder / "config.json").write_text("{}")
    with pytest.raises(EncoderError, match="no config of a Whisper"):
        find_asr(str(folder), None)


def test_neither_folder_nor_hub_id(tmp_path) -> None:
    with pytest.raises(EncoderError, match="no such folder"):
        find_asr(str(tmp_path / "none"), None)


def test_a_hub_that_cannot_be_reached_is_one_line(monkeypatch) -> None:
    import huggingface_hub

    def fail(*_, **__):
        raise OSError("no network\nand more")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fail)
    with pytest.raises(EncoderError, match=r"owner/name: cannot be had \(no network\)"):
        find_asr("owner/name", None)
