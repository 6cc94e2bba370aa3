"""Whisper's encoder computed by transformers' modules; every weight must be there and find its place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers.models.whisper import modeling_whisper as whisper

from cache.format.schema import SAMPLING_RATE
from extract.encoders import devices
from extract.encoders.out_of_memory import HalvedBatches
from extract.encoders.speech.build import build
from extract.encoders.speech.check_weights import check_weights
from extract.encoders.speech.checkpoint import Checkpoint
from extract.encoders.speech.settings import refuse_larger
from extract.encoders.whisper.layout import STRIDE, WhisperLayout

Array = NDArray[np.float32]
PREFIXES = ("model.encoder.", "encoder.")  # of WhisperForConditionalGeneration, of WhisperModel
UNUSED = ("model.decoder.", "decoder.", "proj_out.")  # what writes the words


class TorchBackend:
    """The encoder's blocks on a device; see ``extract.encoders.whisper.encoder.Backend``."""

    def __init__(self, checkpoint: Checkpoint, layout: WhisperLayout, device: str, precision: str) -> None:
        self._layout, self._precision = layout, precision
        self._device = devices.device(device)
        self._encoder = _filled(checkpoint, layout).requires_grad_(False).eval().to(self._device)
        if precision != "float32":
            for module in self._encoder.modules():
                if isinstance(module, nn.Linear | nn.Conv1d):
                    module.to(devices.DTYPES[precision])
        self.batch_seconds = devices.batch_seconds(self._device)
        self._batches = HalvedBatches(self._device, lambda: None)

    @property
    def memory_seconds(self) -> float:
        """Padded seconds a batch may have at most; lowered when memory runs out."""
        return self._batches.seconds

    def encode(self, mels: Sequence[Array]) -> list[dict[int, Array]]:
        """Encode windows of one length; out of memory halves the batch, down to single ones."""
        return self._batches.encode(self._encode, mels, lambda mel: mel.shape[1] * STRIDE / 2 / SAMPLING_RATE)

    @torch.inference_mode()
    def _encode(self, mels: Sequence[Array]) -> list[dict[int, Array]]:
        inputs = torch.from_numpy(np.stack(mels)).to(self._device)
        low = devices.DTYPES[self._precision]
        with torch.autocast(self._device.type, low, enabled=self._precision != "float32"):
            states = devices.to_host({str(layer): state for layer, state in self._states(inputs).items()})
        return [{int(layer): state[row] for layer, state in states.items()} for row in range(len(mels))]

    def _states(self, inputs: Tensor) -> dict[int, Tensor]:
        """Return layer → (windows, positions, hidden) float32, as the encoder's own forward computes it.

        That one takes 30 s and nothing less: here the positions end where the window does.
        """
        encoder = self._encoder
        hidden = nn.functional.gelu(encoder.conv2(nn.functional.gelu(encoder.conv1(inputs))))
        hidden = hidden.transpose(1, 2) + encoder.embed_positions.weight[: hidden.shape[2]]
        states = {}
        for number, block in enumerate(encoder.layers, 1):
            hidden = block(hidden, None)
            if number == self._layout.num_layers:
                hidden = encoder.layer_norm(hidden)
            if number in self._layout.layers:
                states[number] = hidden.float()
        return states


def _filled(checkpoint: Checkpoint, layout: WhisperLayout) -> Any:
    """Return the encoder with its weights.

    Raises:
        EncoderError: one is missing, unexpected, misshapen or not finite; the error lists them.
    """
    values = layout.values
    least = layout.num_layers * (4 * layout.hidden**2 + 2 * layout.hidden * int(values["encoder_ffn_dim"]))
    refuse_larger(least, checkpoint.num_values)
    encoder = build("WhisperConfig", whisper.WhisperEncoder, checkpoint.files.config, values)
    prefix = next(
        (p for p in PREFIXES if any(name.startswith(p) for name in checkpoint.weights)), PREFIXES[0]
    )
    given = {name: value for name, value in checkpoint.weights.items() if not name.startswith(UNUSED)}
    wanted = {prefix + name: tensor for name, tensor in encoder.state_dict().items()}
    check_weights(wanted, given)
    encoder.load_state_dict({name.removeprefix(prefix): given[name] for name in wanted})
    return encoder
