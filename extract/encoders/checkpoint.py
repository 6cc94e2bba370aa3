"""Gets an encoder's files, from the hub or a folder, and reads exactly what they hold; nothing is unpickled."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError  # noqa: TID251 - what torch.load raises; nothing is unpickled
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from cache.recipe import canonical_json
from extract.errors import EncoderError

if TYPE_CHECKING:
    from torch import Tensor

CONFIG = "config.json"
PREPROCESSOR = "preprocessor_config.json"
SAFETENSORS = "model.safetensors"
TORCH_FILE = "pytorch_model.bin"
# Weight norm has two spellings; the newer one is what torch's parametrization creates.
NEW_NAMES = {
    ".weight_g": ".parametrizations.weight.original0",
    ".weight_v": ".parametrizations.weight.original1",
}


@dataclass(frozen=True)
class Checkpoint:
    """An encoder's files, read.

    Attributes:
        model: hub id, or ``local``.
        revision: the hub's commit, or ``local``.
        config: config.json.
        normalise: whether clips are brought to zero mean and unit variance first.
        weights: tensors by name, weight-norm names in the new spelling.
    """

    model: str
    revision: str
    config: dict[str, Any]
    normalise: bool
    weights: dict[str, Tensor]

    def weights_sha256(self) -> str:
        """Return a hash of names, dtypes, shapes and bytes: the same however the file spells them."""
        digest = hashlib.sha256()
        for name in sorted(self.weights):
            tensor = self.weights[name].detach().contiguous()
            digest.update(canonical_json([name, str(tensor.dtype), list(tensor.shape)]).encode())
            digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
        return digest.hexdigest()


def load_checkpoint(model: str, revision: str | None) -> Checkpoint:
    """Read a checkpoint from a local folder, else from the hub (its local copy first).

    Raises:
        EncoderError: it cannot be had, or a file of it cannot be used.
    """
    folder = Path(model).expanduser()
    if folder.is_dir():
        paths, name, commit = _local(folder), *_snapshot_identity(folder)
    elif folder.is_absolute() or model.startswith((".", "~")) or model.count("/") != 1:
        raise EncoderError(
            f"{model}: no such folder; expected a folder with {CONFIG}, or a hub id OWNER/NAME"
        )
    else:
        paths = _from_hub(model, revision)
        name, commit = model, paths[CONFIG].parent.name
    config = _json(paths[CONFIG])
    preprocessor = _json(paths[PREPROCESSOR])
    if preprocessor.get("sampling_rate") != 16_000:
        rate = preprocessor.get("sampling_rate")
        raise EncoderError(f"{paths[PREPROCESSOR]}: sampling_rate {rate}, expected 16000 Hz")
    weights = _renamed(_weights(paths["weights"]))
    return Checkpoint(name, commit, config, bool(preprocessor.get("do_normalize", True)), weights)


def _local(folder: Path) -> dict[str, Path]:
    weights = next((name for name in (SAFETENSORS, TORCH_FILE) if (folder / name).is_file()), None)
    lacking = [name for name in (CONFIG, PREPROCESSOR) if not (folder / name).is_file()]
    if weights is None:
        lacking.append(SAFETENSORS)
    if weights is None or lacking:
        raise EncoderError(
            f"{folder} lacks {', '.join(lacking)}; expected {CONFIG}, {PREPROCESSOR}, {SAFETENSORS}"
        )
    return {CONFIG: folder / CONFIG, PREPROCESSOR: folder / PREPROCESSOR, "weights": folder / weights}


def _snapshot_identity(folder: Path) -> tuple[str, str]:
    """Recognise a folder of the hub's own cache, models--OWNER--NAME/snapshots/COMMIT."""
    parts = folder.resolve().parts
    if len(parts) > 3 and parts[-2] == "snapshots" and parts[-3].startswith("models--"):
        return parts[-3].removeprefix("models--").replace("--", "/"), parts[-1]
    return "local", "local"


def _from_hub(model: str, revision: str | None) -> dict[str, Path]:
    """The local copy serves first, so that a run needs the network once and never waits for it again."""
    from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, LocalEntryNotFoundError
    from huggingface_hub.utils import logging as hub_logging

    hub_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    problem = "no network and no copy of it here"
    for local in (True, False):
        try:
            return _hub_files(model, revision, local)
        except LocalEntryNotFoundError:
            continue
        except EntryNotFoundError as error:
            problem = str(error).splitlines()[0]
        except (HfHubHTTPError, OSError, ValueError) as error:
            problem = (str(error) or type(error).__name__).splitlines()[0]
    raise EncoderError(
        f"cannot get the encoder {model}{'@' + revision if revision else ''}: {problem}. "
        f"Where there is a network: `hf download {model} --local-dir DIR`; then pass --model DIR. "
        "To try the tool without it: `emi-extract demo --out DIR`, --model DIR/encoder"
    )


def _hub_files(model: str, revision: str | None, local: bool) -> dict[str, Path]:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    def get(name: str, commit: str | None) -> Path:
        return Path(hf_hub_download(model, name, revision=commit, local_files_only=local))

    config = get(CONFIG, revision)
    commit = config.parent.name  # the other files come from the very same commit
    try:
        weights = get(SAFETENSORS, commit)
    except EntryNotFoundError as error:
        if isinstance(error, LocalEntryNotFoundError) and not local:
            raise
        weights = get(TORCH_FILE, commit)
    return {CONFIG: config, PREPROCESSOR: get(PREPROCESSOR, commit), "weights": weights}


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise EncoderError(f"{path}: not readable as JSON ({error})") from None
    if not isinstance(value, dict):
        raise EncoderError(f"{path}: expected a JSON object")
    return value


def _weights(path: Path) -> Mapping[str, Tensor]:
    try:
        if path.name == TORCH_FILE:
            loaded = torch.load(path, map_location="cpu", weights_only=True)
        else:
            loaded = load_file(path)
    except (SafetensorError, OSError, RuntimeError, ValueError, EOFError, UnpicklingError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise EncoderError(f"{path}: not readable as weights ({reason}); download it again") from None
    if not isinstance(loaded, dict) or not all(isinstance(value, torch.Tensor) for value in loaded.values()):
        raise EncoderError(f"{path}: expected tensors by name and nothing else")
    return loaded


def _renamed(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    renamed = {}
    for name, tensor in weights.items():
        old = next((suffix for suffix in NEW_NAMES if name.endswith(suffix)), "")
        renamed[name.removesuffix(old) + NEW_NAMES.get(old, "")] = tensor
    return renamed
