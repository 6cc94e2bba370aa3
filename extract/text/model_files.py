"""Finds a text encoder's files, in a folder or on the hub, and what they are by hash; nothing of theirs is run."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cache.format.recipe import canonical_json
from extract.encoders.speech.weight_files import safetensors_sha256
from extract.encoders.weight_index import INDEX, read_settings, weight_file_names
from extract.errors import EncoderError
from extract.transcripts.hub_folder import find_folder

CONFIG = "config.json"
WEIGHTS = ("model.safetensors", "model.safetensors" + INDEX, "pytorch_model.bin")
TOKENIZER = "tokenizer.json"
ON_HUB = ["*.json", "*.safetensors"]
# Of config.json, what changes no value.
NAMES = frozenset({"_name_or_path", "architectures", "transformers_version", "torch_dtype", "dtype"})


@dataclass(frozen=True)
class TextFiles:
    """Where a text encoder's files are, and what its settings say.

    Attributes:
        folder: that holds them.
        model: hub id, or ``local``.
        revision: the hub's commit, or ``local``.
        config: config.json.
    """

    folder: Path
    model: str
    revision: str
    config: dict[str, Any]

    def weight_paths(self) -> list[Path]:
        """Return the files with the weights."""
        first = next(self.folder / name for name in WEIGHTS if (self.folder / name).is_file())
        if first.name.endswith(INDEX):
            return [self.folder / name for name in weight_file_names(first)]
        return [first]

    def weights_sha256(self) -> str:
        """Return a hash of the weights, however many files they are divided into."""
        paths = self.weight_paths()
        digest = safetensors_sha256(*paths) if paths[0].suffix == ".safetensors" else None
        if digest is None:
            whole = hashlib.sha256()
            for path in paths:
                with path.open("rb") as file:
                    whole.update(hashlib.file_digest(file, "sha256").digest())
            digest = whole.hexdigest()
        return digest

    def config_sha256(self) -> str:
        """Return a hash of every setting that may change a value."""
        kept = {key: value for key, value in self.config.items() if key not in NAMES}
        return hashlib.sha256(canonical_json(kept).encode()).hexdigest()


def find_text_model(model: str, revision: str | None) -> TextFiles:
    """Find a text encoder in a folder, else on the hub (its local copy first).

    Raises:
        EncoderError: it cannot be had, or a file is missing.
    """
    found = find_folder("--model", model, revision, ON_HUB, f"{CONFIG}, {TOKENIZER} and {WEIGHTS[0]}")
    folder = found.path
    lacking = [
        names[0]
        for names in ((CONFIG,), WEIGHTS, (TOKENIZER,))
        if not any((folder / n).is_file() for n in names)
    ]
    if lacking:
        raise EncoderError(
            f"{folder} lacks {', '.join(lacking)}; expected {CONFIG}, {TOKENIZER} and {WEIGHTS[0]}, as "
            "transformers saves them"
        )
    return TextFiles(*found, read_settings(folder / CONFIG))
