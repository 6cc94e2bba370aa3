"""Reads exactly the weights an encoder has and puts each in its place; nothing is unpickled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError  # noqa: TID251 - what torch.load raises; nothing is unpickled
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from extract.encoders.families import TORCH_FILE
from extract.encoders.hub import ModelFiles
from extract.encoders.speech import weight_files
from extract.encoders.speech.check_weights import check_weights
from extract.encoders.speech.weight_files import joined, unreadable, weight_paths
from extract.errors import EncoderError

if TYPE_CHECKING:
    from torch import Tensor, nn

    from extract.encoders.speech.heads import VadHead
    from extract.encoders.speech.layout import Layout

HEAD = "classifier."  # of audEERING's layout, whose encoder may have another head of that name
LORA, WEIGHT = (".lora_A", ".lora_B"), ".weight"
UNUSED = "masked_spec_embed"  # masks frames while pretraining; no part of inference


@dataclass(frozen=True)
class Checkpoint:
    """An encoder's files, read.

    Attributes:
        files: where they are, and its settings.
        weights: tensors by name, weight-norm names in the new spelling.
    """

    files: ModelFiles
    weights: dict[str, Tensor]

    @property
    def num_values(self) -> int:
        """How many numbers the weights are."""
        return sum(tensor.numel() for tensor in self.weights.values())

    def weights_sha256(self) -> str:
        """Return a hash of names, dtypes, shapes and bytes: the same however the file spells them."""
        return weight_files.weights_sha256(
            _described(name, self.weights[name].detach().contiguous()) for name in sorted(self.weights)
        )


def _described(name: str, tensor: Tensor) -> weight_files.Tensor:
    data = tensor.reshape(-1).view(torch.uint8).numpy().data
    return weight_files.Tensor(name, str(tensor.dtype).removeprefix("torch."), list(tensor.shape), [data])


def load_checkpoint(files: ModelFiles) -> Checkpoint:
    """Read an encoder's weights.

    Raises:
        EncoderError: there are none, or their file cannot be used.
    """
    return Checkpoint(files, joined((path, _weights(path)) for path in weight_paths(files)))


def merged(weights: Mapping[str, Tensor], rank: int) -> dict[str, Tensor]:
    """Return weights with every low-rank update, ``NAME.lora_A`` and ``NAME.lora_B``, added to ``NAME.weight``.

    W + B A / rank, as loralib does it when a model stops training (its scale is lora_alpha / r, lora_alpha is 1).

    Raises:
        EncoderError: one does not fit its weight, or is of whole numbers.
    """
    whole = dict(weights)
    for name in sorted(name for name in weights if name.endswith(LORA[0])):
        target = name.removesuffix(LORA[0])
        first, second = whole.pop(name), whole.pop(target + LORA[1], None)
        weight = whole.get(target + WEIGHT)
        if (
            second is None or weight is None or weight.ndim != 2
            or first.shape != (rank, weight.shape[1]) or second.shape != (weight.shape[0], rank)
        ):  # fmt: skip
            raise EncoderError(
                f"{name} {tuple(first.shape)} and {target}{LORA[1]} are no update of rank {rank} for "
                f"{target}{WEIGHT}; get the complete checkpoint"
            )
        if not (weight.is_floating_point() and first.is_floating_point() and second.is_floating_point()):
            raise EncoderError(
                f"{target}{WEIGHT} or its update holds {weight.dtype}, {first.dtype}, {second.dtype}, expected "
                "floating-point numbers; get the complete checkpoint"
            )
        whole[target + WEIGHT] = weight.float() + second.float() @ first.float() / rank
    return whole


def _weights(path: Path) -> Mapping[str, Tensor]:
    try:
        if path.suffix == Path(TORCH_FILE).suffix:
            loaded = torch.load(path, map_location="cpu", weights_only=True)
        else:
            loaded = load_file(path)
    except (SafetensorError, OSError, RuntimeError, ValueError, EOFError, UnpicklingError) as error:
        raise unreadable(path, error) from None
    if not isinstance(loaded, dict) or not all(isinstance(value, torch.Tensor) for value in loaded.values()):
        raise EncoderError(f"{path}: expected tensors by name and nothing else")
    return loaded


def fill(model: nn.Module, head: VadHead | None, checkpoint: Checkpoint, layout: Layout) -> None:
    """Load every weight of an encoder and its head.

    Raises:
        EncoderError: one is missing, unexpected, misshapen or not finite; the error lists them.
    """
    prefix = layout.prefix
    if not any(name.startswith(prefix) for name in checkpoint.weights):
        prefix = ""  # saved without a head around it
    wanted = {prefix + name: tensor for name, tensor in model.state_dict().items()}
    unused: tuple[str, ...] = (prefix + UNUSED,)
    own: dict[str, Tensor] = {}
    if head is not None:
        own = {head.prefix + name: tensor for name, tensor in head.state_dict().items()}
        wanted |= own
    if head is None or head.prefix != HEAD:
        unused += layout.unused
    wanted = {name: tensor for name, tensor in wanted.items() if not name.startswith(unused)}
    given = {name: tensor for name, tensor in checkpoint.weights.items() if not name.startswith(unused)}
    if rank := layout.head_values.get("lora_rank"):
        given = merged(given, rank)
    check_weights(wanted, given)
    model.load_state_dict(
        {name.removeprefix(prefix): given[name] for name in wanted if name not in own}, strict=False
    )
    if head is not None:
        head.load_state_dict({name.removeprefix(head.prefix): given[name] for name in own})
