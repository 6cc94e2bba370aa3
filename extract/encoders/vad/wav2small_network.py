"""Wav2Small at work: log-mel every 2 ms, seven small convolutions, pooling over time by softmax, a Gram matrix."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from extract.encoders import devices
from extract.encoders.base import Encoded
from extract.encoders.out_of_memory import HalvedBatches
from extract.encoders.speech.check_weights import check_weights, refuse_weights
from extract.encoders.speech.checkpoint import Checkpoint
from extract.encoders.speech.windows import windows
from extract.encoders.vad.wav2small_layout import CHANNELS, CHUNKING, LICENCE, MEL, STRIDE, Wav2SmallLayout
from extract.encoders.whisper.mel import slaney_filters

FFT, HOP = 64, 32  # samples: 4 ms every 2 ms
BINS, BANDS = FFT // 2 + 1, 2 * MEL
PER_FRAME = 5  # steps after the max-pooling, of 4 ms, that are a frame
LOCAL = 251  # of those steps that one frame's value is pooled over: a second
WINDOW, CONTEXT = 3000, 10  # frames computed at once; those at either end that see its edge
VARIANCE_FLOOR, POWER_FLOOR = 1e-7, 1e-10


class _Convolution(nn.Module):
    """3 × 3, batch norm, ReLU."""

    def __init__(self, inner: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inner, CHANNELS, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(CHANNELS)

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.relu(self.norm(self.conv(inputs)))


class _Network(nn.Module):
    """The modules under the names of the checkpoint: ``vgg7.l1.conv.weight`` and so on, ``adv.weight``.

    The Fourier and mel matrices are weights as well there; they start as what they should be.
    """

    def __init__(self) -> None:
        super().__init__()
        layers = self.vgg7 = nn.Module()
        for number in range(1, 8):
            layers.add_module(f"l{number}", _Convolution(1 if number == 1 else CHANNELS))
        layers.lin = nn.Conv2d(CHANNELS, CHANNELS, 1)
        layers.sof = nn.Conv2d(CHANNELS, CHANNELS, 1)
        layers.spectrogram_extractor = nn.Module()
        angle = 2 * np.pi / FFT * np.outer(np.arange(BINS), np.arange(FFT))
        taper = np.hanning(FFT + 1)[:-1]
        for name, part in (("conv_real", np.cos(angle)), ("conv_imag", -np.sin(angle))):
            convolution = nn.Conv1d(1, BINS, FFT, stride=HOP, bias=False)
            convolution.weight.data = torch.from_numpy((part * taper)[:, None]).float()
            layers.spectrogram_extractor.add_module(name, convolution)
        layers.logmel_extractor = nn.Module()
        layers.logmel_extractor.register_buffer("melW", torch.from_numpy(slaney_filters(FFT, BANDS)))
        layers.logmel_extractor.register_buffer("amin", torch.tensor([POWER_FLOOR]))
        self.adv = nn.Linear(2 * CHANNELS * MEL, 3)

    def steps(self, samples: Tensor) -> Tensor:
        """Return what the last convolution makes of (samples,): (13 channels, steps of 4 ms, 13)."""
        layers: Any = self.vgg7
        waves = layers.spectrogram_extractor
        power = waves.conv_real(samples[None, None]).square() + waves.conv_imag(samples[None, None]).square()
        mel = power.transpose(1, 2)[:, None] @ layers.logmel_extractor.melW
        hidden = 10 * torch.log10(torch.maximum(mel, layers.logmel_extractor.amin))
        for number in range(1, 8):
            hidden = layers.get_submodule(f"l{number}")(hidden)
            if number == 3:
                hidden = nn.functional.max_pool2d(hidden, 3, stride=2, padding=1)
        return torch.as_tensor(hidden[0])

    def decide(self, steps: Tensor, frames: int) -> tuple[Tensor, Tensor]:
        """Return what the head says of every frame, over the second around it, and of the whole clip.

        (frames, 3) and (3,). The authors have a value for clips only; that of a frame is our own choice.
        """
        layers: Any = self.vgg7
        values = layers.lin(steps[None])[0].transpose(0, 1).flatten(1).double()
        scores = layers.sof(steps[None])[0].transpose(0, 1).flatten(1).double()
        weights = torch.exp(scores - scores.max(dim=0).values)
        both = torch.cat([weights * values, weights], dim=1)
        local = nn.functional.avg_pool1d(both.T[None], LOCAL, stride=1, padding=LOCAL // 2)[0].T
        local = local[PER_FRAME // 2 :: PER_FRAME][:frames]
        over_frames, over_clip = self._head(local), self._head(both.sum(dim=0, keepdim=True))
        return over_frames, over_clip[0]

    def _head(self, pooled: Tensor) -> Tensor:
        sums, weights = pooled.chunk(2, dim=1)
        means = (sums / weights.clamp_min(1e-300)).float().view(-1, CHANNELS, MEL)
        joined = torch.cat([means, means @ means.transpose(1, 2)], dim=2)
        return torch.as_tensor(self.adv(joined.flatten(1)))


def _impossible(weights: Mapping[str, Tensor]) -> Iterator[str]:
    """Yield what would make no clip finite: such as the floor of a power, 1e-10, once it was in float16."""
    for name, weight in sorted(weights.items()):
        if name.endswith("amin") and not (weight > 0).all():
            yield f"{name} is {weight.min().item():g}, expected more than 0 (float16 has no 1e-10)"
        if name.endswith("running_var") and (weight < 0).any():
            yield f"{name} holds a variance below 0"


class Wav2Small:
    """A frozen Wav2Small; see ``extract.encoders.base.Encoder``. Clips are computed one by one."""

    licence, chunking = LICENCE, CHUNKING
    equal_lengths = False
    batch_seconds = 0.0

    def __init__(
        self, checkpoint: Checkpoint, layout: Wav2SmallLayout, device: str, recipe: Mapping[str, Any]
    ) -> None:
        self._layout, self._device = layout, devices.device(device)
        devices.precision("float32", self._device)
        network = _Network()
        check_weights(network.state_dict(), checkpoint.weights)
        refuse_weights(list(_impossible(checkpoint.weights)))
        network.load_state_dict(checkpoint.weights)
        self._network = network.requires_grad_(False).eval().to(self._device)
        self._batches = HalvedBatches(self._device, lambda: None)
        self.fields, self.recipe = layout.fields, recipe

    @property
    def memory_seconds(self) -> float:
        """Padded seconds a batch may have at most; lowered when memory runs out."""
        return self._batches.seconds

    def num_frames(self, num_samples: int) -> int:
        """Return the frames of ``num_samples`` samples; 0 when they are too few."""
        return self._layout.num_frames(num_samples)

    def encode(self, clips: Sequence[NDArray[np.float32]]) -> list[Encoded]:
        """Encode clips: the last convolution, meaned over 20 ms, and arousal, dominance, valence.

        Raises:
            ClipError: ``out_of_memory`` for a single clip.
            EncoderError: the device failed.
        """
        return [self._batches.encode(self._encode, [clip])[0] for clip in clips]

    @torch.inference_mode()
    def _encode(self, clips: Sequence[NDArray[np.float32]]) -> list[Encoded]:
        (clip,) = clips
        frames, order = self.num_frames(len(clip)), list(self._layout.order)
        centred = clip - clip.mean()
        samples = torch.from_numpy(centred / np.sqrt(np.square(centred).mean() + VARIANCE_FLOOR))
        steps = self._steps(samples.to(self._device), frames)
        over_frames, over_clip = self._network.decide(steps, frames)
        own = steps[:, : frames * PER_FRAME].reshape(CHANNELS, frames, PER_FRAME, MEL).mean(dim=2)
        fields = {"wav2small": own.transpose(0, 1).flatten(1), "vad": over_frames[:, order]}
        found = devices.to_host({**fields, "clip": over_clip[order]})
        means = {name: found[name].mean(axis=0, dtype=np.float64).astype(np.float32) for name in fields}
        return [Encoded({name: found[name] for name in fields}, means, {"vad": found["clip"]})]

    def _steps(self, samples: Tensor, frames: int) -> Tensor:
        """Return (13, steps, 13) of a clip, in pieces that overlap by more than the convolutions see."""
        pieces = []
        for seen, kept in windows(frames, WINDOW, CONTEXT):
            is_last = seen.stop == frames
            steps = self._network.steps(
                samples[seen.start * STRIDE : None if is_last else seen.stop * STRIDE]
            )
            pieces.append(steps[:, kept.start * PER_FRAME : None if is_last else kept.stop * PER_FRAME])
        return torch.cat(pieces, dim=1)
