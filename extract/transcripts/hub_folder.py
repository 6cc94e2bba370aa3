"""The folder with a model's files: a local one, or a snapshot of the hub, whose local copy serves first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from extract.errors import EncoderError


class ModelFolder(NamedTuple):
    """A folder of files, and what it is called in recipes: the hub id and commit, or ``local`` twice."""

    path: Path
    model: str
    revision: str


def find_folder(
    flag: str, model: str, revision: str | None, patterns: Sequence[str], expected: str
) -> ModelFolder:
    """Find a model's folder.

    Args:
        flag: that named it, for messages.
        model: folder, or hub id OWNER/NAME.
        revision: branch, tag or commit on the hub.
        patterns: names of the files that are wanted from the hub.
        expected: what the folder holds, in words.

    Raises:
        EncoderError: it cannot be had.
    """
    folder = Path(model).expanduser()
    if folder.is_dir():
        return ModelFolder(folder, "local", "local")
    if folder.is_absolute() or model.startswith((".", "~")) or model.count("/") != 1:
        raise EncoderError(
            f"{flag} {model}: no such folder; expected a folder with {expected}, or a hub id OWNER/NAME"
        )
    snapshot = _from_hub(flag, model, revision, patterns)
    return ModelFolder(snapshot, model, snapshot.name)


def _from_hub(flag: str, model: str, revision: str | None, patterns: Sequence[str]) -> Path:
    """The local copy serves first, so that a run needs the network once and never waits for it again."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    def get(local: bool) -> Path:
        return Path(
            snapshot_download(model, revision=revision, allow_patterns=list(patterns), local_files_only=local)
        )

    try:
        try:
            return get(True)
        except LocalEntryNotFoundError:
            return get(False)
    except (HfHubHTTPError, OSError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise EncoderError(
            f"{flag} {model}: cannot be had ({reason}). Where there is a network: `hf download {model} "
            f"--local-dir DIR`; then pass {flag} DIR"
        ) from None
