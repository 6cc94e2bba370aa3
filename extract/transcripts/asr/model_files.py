"""Finds the files of a Whisper in CTranslate2's layout, in a folder or on the hub, and what they are by hash."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from extract.encoders.weight_index import read_settings
from extract.errors import EncoderError
from extract.transcripts.asr.check_tokens import check_tokens
from extract.transcripts.hub_folder import find_folder

WEIGHTS, TOKENIZER, CONFIG = "model.bin", "tokenizer.json", "config.json"
NEEDED = (WEIGHTS, TOKENIZER, CONFIG)
OPTIONAL = ("vocabulary.txt", "vocabulary.json", "preprocessor_config.json")
INSTALL = "transcribing needs faster-whisper: pip install 'emi-fusion[whisper]'"


@dataclass(frozen=True)
class AsrFiles:
    """Where a recogniser's files are.

    Attributes:
        folder: that holds them.
        model: hub id, or ``local``.
        revision: the hub's commit, or ``local``.
    """

    folder: Path
    model: str
    revision: str

    def recipe(self) -> dict[str, Any]:
        """Return what the files are: names, and hashes of all that changes a word."""
        kept = [name for name in OPTIONAL if (self.folder / name).is_file()]
        settings = {name: _sha256(self.folder / name) for name in (CONFIG, TOKENIZER, *kept)}
        digest = hashlib.sha256("".join(settings[name] for name in sorted(settings)).encode())
        return {
            "model": self.model,
            "revision": self.revision,
            "weights_sha256": _sha256(self.folder / WEIGHTS),
            "config_sha256": digest.hexdigest(),
        }


def find_asr(model: str, revision: str | None) -> AsrFiles:
    """Find a recogniser in a folder, else on the hub (its local copy first).

    Raises:
        EncoderError: it cannot be had, a file is missing, or they do not belong together.
    """
    found = find_folder("--asr", model, revision, [*NEEDED, *OPTIONAL], ", ".join(NEEDED))
    files = AsrFiles(*found)
    lacking = [name for name in NEEDED if not (files.folder / name).is_file()]
    if lacking:
        raise EncoderError(
            f"{files.folder} lacks {', '.join(lacking)}; expected a Whisper in CTranslate2's layout: "
            f"ct2-transformers-converter makes one of a checkpoint of transformers, with --copy_files {TOKENIZER}"
        )
    config = read_settings(files.folder / CONFIG)
    _check_config(config, files.folder)
    check_tokens(files.folder / WEIGHTS, config, files.folder / TOKENIZER)
    return files


def _check_config(config: Mapping[str, Any], folder: Path) -> None:
    if "alignment_heads" not in config or "suppress_ids" not in config:
        raise EncoderError(f"{folder / CONFIG}: no config of a Whisper in CTranslate2's layout")


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise EncoderError(f"{path}: cannot be read ({error.strerror})") from None
