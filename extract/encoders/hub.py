"""Finds an encoder's files, on the hub or in a folder, and reads its settings; no torch."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cache.common.console import terminal_of
from cache.common.registry import near_miss
from cache.format.schema import VAD_DIMS
from extract.encoders.families import PREPROCESSOR, PROCESSOR, FamilyFiles, family_of
from extract.encoders.registry import BUILT_IN, DEFAULT_MODEL
from extract.encoders.weight_index import INDEX, read_settings, weight_file_names
from extract.errors import EncoderError

CONFIG = "config.json"
FEATURE_EXTRACTOR = "feature_extractor"
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
        normalise: whether clips are brought to zero mean and unit variance first, where settings say so.
        weights: path of the weights' file, or of the index where there are several; None when only the settings
            were asked for.
        settings: how sound is prepared, from the preprocessor's file; empty for families without one.
    """

    model: str
    revision: str
    config: dict[str, Any]
    normalise: bool
    weights: Path | None
    settings: dict[str, Any] = field(default_factory=dict)


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
    settings = _sound_settings(paths["settings"]) if "settings" in paths else {}
    normalise = bool(settings.get("do_normalize", True))
    return ModelFiles(name, commit, config, normalise, paths.get("weights"), settings)


def _sound_settings(path: Path) -> dict[str, Any]:
    """Return how the encoder wants its sound prepared."""
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
    return settings


def _local(folder: Path) -> dict[str, Path]:
    config = _first(folder, (CONFIG,))
    family = family_of(read_settings(config) if config else {})
    weights = _first(folder, family.weights)
    settings = _first(folder, family.settings)
    found = {CONFIG: config, family.weights[0]: weights}
    found |= {PREPROCESSOR: settings} if family.settings else {}
    lacking = [name for name, path in found.items() if path is None]
    if weights and weights.name.endswith(INDEX):
        lacking += [name for name in weight_file_names(weights) if not (folder / name).is_file()]
    if weights is None or lacking:
        expected = [CONFIG, " or ".join(family.settings), _weights_in_words(family)]
        raise EncoderError(
            f"{folder} lacks {', '.join(lacking)}; expected {', '.join(filter(None, expected))}"
        )
    paths = {CONFIG: folder / CONFIG, "weights": weights}
    return paths | ({"settings": settings} if settings else {})


def _weights_in_words(family: FamilyFiles) -> str:
    first, *others = family.weights
    return f"{first} or files with {first}{INDEX}" if others else first


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
    files, family = {CONFIG: config}, family_of(read_settings(config))
    if family.settings:
        files["settings"] = get_first(family.settings, commit)
    if with_weights or family.bare:
        files["weights"] = weights = get_first(family.weights, commit)
        for name in weight_file_names(weights) if weights.name.endswith(INDEX) else ():
            get(name, commit)
    return files
