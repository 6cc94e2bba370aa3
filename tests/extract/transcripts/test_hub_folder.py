"""A model's folder: local, on the hub, or one line on why it cannot be had."""

from __future__ import annotations

import pytest

from extract.errors import EncoderError
from extract.transcripts.hub_folder import find_folder


def test_a_local_folder(tmp_path) -> None:
    assert find_folder("--asr", str(tmp_path), None, ["*"], "files") == (tmp_path, "local", "local")


def test_the_local_copy_of_the_hub_serves_first(monkeypatch, tmp_path) -> None:
    import huggingface_hub
    from huggingface_hub.errors import LocalEntryNotFoundError

    asked = []

    def download(model, *, revision, allow_patterns, local_files_only):
        asked.append((model, revision, allow_patterns, local_files_only))
        if local_files_only:
            raise LocalEntryNotFoundError("not here")
        return str(tmp_path / "abc123")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    found = find_folder("--asr", "owner/name", "main", ["a"], "files")
    assert found == (tmp_path / "abc123", "owner/name", "abc123")
    assert asked == [("owner/name", "main", ["a"], local) for local in (True, False)]


@pytest.mark.parametrize("model", ["none", "./owner/name", "a/b/c"])
def test_neither_folder_nor_hub_id(model) -> None:
    with pytest.raises(EncoderError, match=r"--asr .*: no such folder; expected a folder with files"):
        find_folder("--asr", model, None, ["*"], "files")
