"""Finds an encoder's files, on the hub or in a folder, and reads its settings; no torch."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cache.common.console import terminal_of
from cache.common.registry import near_miss
from cache.format.schema import VAD_DIMS
from extract.encoders.registry import BUILT_IN, DEFAULT_MODEL
from extract.encoders.weight_index import INDEX, read_settings, weight_file_names
from extract.errors import EncoderError

CONFIG = "config.json"
PREPROCESSOR = "preprocessor_config.json"
PROCESSOR = "processor_config.json"  # transformers 5 saves the same settings in it, as one part of several
FEATURE_EXTRACTOR = "feature_extractor"
SAFETENSORS = "model.safetensors"
TORCH_FILE = "pytorch_model.bin"
WEIGHTS = (SAFETENSORS, SAFETENSORS + INDEX, TORCH_FILE, TORCH_FILE + INDEX)  # in this order
SETTINGS = (PREPROCESSOR, PROCESSOR)
# The settings of the default encoder: a plan needs no network for them.
DEFAULT_CONFIG: dict[str, Any] = {
    "model_type": "wav2vec2", "architectures": ["Wav2Vec2ForSpeechClassification"], "hidden_size": 1024,
    "num_hidden_layers": 12, "feat_extract_norm": "layer", "id2label": dict(enumerate(VAD_DIMS)),
}  # fmt: skip


@dataclass(frozen=True)
class ModelFiles:
    """Where an encoder's files are, and what its settings say.

    Attributes:
        model: hub id, or ``local``.
        revision: the hub's commit, or ``local``.
        config: config.json.
        normalise: whether clips are brought to zero mean and unit variance first.
        weights: path of the weights' file, or of the index where there are several; None when only the settings
            were asked for.
    """

    model: str
    revision: str
    config: dict[str, Any]
    normalise: bool
    weights: Path | None


def find_model(model: str, revision: str | None, *, weights: bool = True) -> ModelFiles:
    """Find an encoder in a local folder, else on the hub (its local copy first).

    Args:
        model: hub id or folder.
        revision: branch, tag or commit on the hub.
        weights: whether the weights are needed too, or the settings alone.

    Raises:
        EncoderError: it cannot be had, or its settings cannot be used.
    """
    folder = Path(model).expanduser()
    if not weights and (model, revision) == (DEFAULT_MODEL, None):
        return ModelFiles(DEFAULT_MODEL, "", DEFAULT_CONFIG, True, None)
    if folder.is_dir():
        paths, name, commit = _local(folder), *_snapshot_identity(folder)
    elif folder.is_absolute() or model.startswith((".", "~")) or model.count("/") != 1:
        raise EncoderError(
            f"{model}: no such folder; expected a folder with {CONFIG}, a hub id OWNER/NAME, or "
            f"{BUILT_IN.choices()}{near_miss(model, BUILT_IN)}"
        )
    else:
        paths = _from_hub(model, revision, weights)
        name, commit = model, paths[CONFIG].parent.name
    config = read_settings(paths[CONFIG])
    return ModelFiles(name, commit, config, _normalises(paths["settings"]), paths.get("weights"))


def _normalises(path: Path) -> bool:
    """Say whether the encoder wants clips at zero mean and unit variance."""
    settings: Any = read_settings(path)
    if path.name == PROCESSOR:
        settings = settings.get(FEATURE_EXTRACTOR)
    if not isinstance(settings, dict):
        raise EncoderError(
            f"{path}: no {FEATURE_EXTRACTOR!r} in it; expected that, or {PREPROCESSOR} beside it"
        )
    if settings.get("sampling_rate") != 16_000:
        rate = settings.get("sampling_rate")
        raise EncoderError(f"{path}: sampling_rate {rate}, expected 16000 Hz")
    return bool(settings.get("do_normalize", True))


def _local(folder: Path) -> dict[str, Path]:
    weights = _first(folder, WEIGHTS)
    settings = _first(folder, SETTINGS)
    found = {CONFIG: _first(folder, (CONFIG,)), PREPROCESSOR: settings, SAFETENSORS: weights}
    lacking = [name for name, path in found.items() if path is None]
    if weights and weights.name.endswith(INDEX):
        lacking += [name for name in weight_file_names(weights) if not (folder / name).is_file()]
    if weights is None or settings is None or lacking:
        raise EncoderError(
            f"{folder} lacks {', '.join(lacking)}; expected {CONFIG}, {PREPROCESSOR} or {PROCESSOR}, "
            f"{SAFETENSORS} or files with {SAFETENSORS}{INDEX}"
        )
    return {CONFIG: folder / CONFIG, "settings": settings, "weights": weights}


def _first(folder: Path, names: Sequence[str]) -> Path | None:
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _snapshot_identity(folder: Path) -> tuple[str, str]:
    """Recognise a folder of the hub's own cache, models--OWNER--NAME/snapshots/COMMIT."""
    parts = folder.resolve().parts
    if len(parts) > 3 and parts[-2] == "snapshots" and parts[-3].startswith("models--"):
        return parts[-3].removeprefix("models--").replace("--", "/"), parts[-1]
    return "local", "local"


def _from_hub(model: str, revision: str | None, weights: bool) -> dict[str, Path]:
    """The local copy serves first, so that a run needs the network once and never waits for it again."""
    from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, LocalEntryNotFoundError
    from huggingface_hub.utils import logging as hub_logging

    hub_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    problem = "no network and no copy of it here"
    for local in (True, False):
        try:
            with redirect_stderr(terminal_of(sys.stderr)):  # where the hub's bar of 660 MB is a live one
                return _hub_files(model, revision, local, weights)
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


def _hub_files(model: str, revision: str | None, local: bool, with_weights: bool) -> dict[str, Path]:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    def get(name: str, commit: str | None) -> Path:
        return Path(hf_hub_download(model, name, revision=commit, local_files_only=local))

    def get_first(names: Sequence[str], commit: str) -> Path:
        for name in names[:-1]:
            try:
                return get(name, commit)
            except EntryNotFoundError as error:
                if isinstance(error, LocalEntryNotFoundError) and not local:
                    raise
        return get(names[-1], commit)

    config = get(CONFIG, revision)
    commit = config.parent.name  # the other files come from the very same commit
    files = {CONFIG: config, "settings": get_first(SETTINGS, commit)}
    if with_weights:
        files["weights"] = weights = get_first(WEIGHTS, commit)
        for name in weight_file_names(weights) if weights.name.endswith(INDEX) else ():
            get(name, commit)
    return files
