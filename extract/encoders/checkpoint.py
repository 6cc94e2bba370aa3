"""Reads exactly the weights an encoder of clips → extract has, under one spelling; nothing is unpickled."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError  # noqa: TID251 - what torch.load raises; nothing is unpickled
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from cache.format.recipe import canonical_json
from extract.encoders.hub import SAFETENSORS, TORCH_FILE, find_model
from extract.errors import EncoderError

if TYPE_CHECKING:
    from torch import Tensor, nn

    from extract.encoders.layout import Layout

HEAD = "classifier."
UNUSED = "masked_spec_embed"  # masks frames while pretraining; no part of inference
MAX_LISTED = 5
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
    files = find_model(model, revision)
    if files.weights is None:
        raise EncoderError(f"{model}: no file with weights; expected {SAFETENSORS} or {TORCH_FILE}")
    weights = _renamed(_weights(files.weights))
    return Checkpoint(files.model, files.revision, files.config, files.normalise, weights)


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


def fill(model: nn.Module, head: nn.Module | None, checkpoint: Checkpoint, layout: Layout) -> None:
    """Load every weight of an encoder and its head.

    Raises:
        EncoderError: one is missing, unexpected, misshapen or not finite; the error lists them.
    """
    prefix = layout.family + "."
    if not any(name.startswith(prefix) for name in checkpoint.weights):
        prefix = ""  # saved without a head around it
    wanted = {prefix + name: tensor for name, tensor in model.state_dict().items()}
    unused: tuple[str, ...] = (prefix + UNUSED,)
    if head is not None:
        wanted |= {HEAD + name: tensor for name, tensor in head.state_dict().items()}
    else:
        unused += layout.unused
    wanted = {name: tensor for name, tensor in wanted.items() if not name.startswith(unused)}
    given = {name: tensor for name, tensor in checkpoint.weights.items() if not name.startswith(unused)}
    problems = list(_problems(wanted, given))
    if problems:
        more = f" and {len(problems) - MAX_LISTED} more" if len(problems) > MAX_LISTED else ""
        raise EncoderError(
            f"the encoder's weights do not fit its config: {'; '.join(problems[:MAX_LISTED])}{more}. "
            "No weight may be left to chance: get the complete checkpoint"
        )
    model.load_state_dict(
        {name.removeprefix(prefix): given[name] for name in wanted if not (head and name.startswith(HEAD))},
        strict=False,
    )
    if head is not None:
        head.load_state_dict({n.removeprefix(HEAD): given[n] for n in wanted if n.startswith(HEAD)})


def _problems(wanted: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> Iterator[str]:
    yield from (f"missing {name}" for name in sorted(wanted.keys() - given.keys()))
    yield from (f"unexpected {name}" for name in sorted(given.keys() - wanted.keys()))
    for name in sorted(wanted.keys() & given.keys()):
        if given[name].shape != wanted[name].shape:
            yield f"{name} is {tuple(given[name].shape)}, expected {tuple(wanted[name].shape)}"
        elif not torch.isfinite(given[name]).all():
            yield f"{name} holds values that are not finite"
