"""The 25 low-level descriptors of eGeMAPSv02 (Eyben et al., IEEE TAC 2016), by openSMILE where it is installed.

openSMILE's licence allows research and private use and no commercial one: nothing here needs or installs it.
"""

from __future__ import annotations

import hashlib
import threading
import warnings
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cache.format.recipe import canonical_json
from cache.format.schema import SAMPLING_RATE, FrameField
from extract.encoders.base import Encoded, EncoderOptions, require_plain
from extract.errors import EncoderError

LONGEST, HOP = 960, 160  # samples of the longest analysis window, 60 ms, and from one frame to the next
WIDTH = 25
LICENCE = (
    "openSMILE by audEERING, free for private, research and educational use, no commercial use; what is computed "
    "from a voice remains personal data"
)


def describe(options: EncoderOptions) -> Egemaps:
    """Return the encoder; openSMILE is looked for, and loaded with the first clip.

    Raises:
        EncoderError: it is not installed, or the options ask for what it does not have.
    """
    require_plain("egemaps", options)
    try:
        opensmile = import_module("opensmile")
    except ImportError as error:
        raise EncoderError(
            f"--model egemaps: opensmile cannot be imported ({error}); it is free for research only, so it is not "
            "installed along: pip install opensmile"
        ) from None
    return Egemaps(opensmile, options)


class Egemaps:
    """The descriptors every 10 ms; see ``extract.encoders.base``, loaded and unloaded."""

    libraries = ("opensmile",)
    precisions = ("float32",)
    licence = LICENCE
    equal_lengths = False
    chunking = "none"
    batch_seconds = 0.0
    memory_seconds = float("inf")

    def __init__(self, opensmile: Any, options: EncoderOptions) -> None:
        self._smile = opensmile.Smile(
            feature_set=opensmile.FeatureSet.eGeMAPSv02,
            feature_level=opensmile.FeatureLevel.LowLevelDescriptors,
            sampling_rate=SAMPLING_RATE,
        )
        self._devices = ["cpu" for _ in options.device.split(",")]
        self._lock = threading.Lock()
        names = tuple(map(str, self._smile.feature_names))
        if len(names) != WIDTH:
            raise EncoderError(
                f"openSMILE {opensmile.__version__} has {len(names)} descriptors, expected {WIDTH}"
            )
        # Hertz, decibels and ratios side by side: float16 has too few digits for the formants.
        self.fields = (FrameField("egemaps", WIDTH, np.dtype(np.float32), HOP / SAMPLING_RATE, names),)
        digest = hashlib.sha256(canonical_json(["eGeMAPSv02", list(names)]).encode()).hexdigest()
        self.recipe: dict[str, Any] = {
            "model": "egemaps", "revision": f"openSMILE {opensmile.__version__}", "weights_sha256": "none",
            "config_sha256": digest, "layers": [], "vad": [], "normalisation": "none", "precision": "float32",
            "opensmile": str(opensmile.__version__),
        }  # fmt: skip

    def devices(self) -> list[str]:
        """Return ``cpu`` for every worker asked for."""
        return self._devices

    def load(self, device: str | None = None) -> Egemaps:  # noqa: ARG002 - there is but one
        """Return itself."""
        return self

    def num_frames(self, num_samples: int) -> int:
        """Return the frames of ``num_samples`` samples; 0 when they are too few for the longest window."""
        return 0 if num_samples < LONGEST else (num_samples - LONGEST) // HOP + 2

    def encode(self, clips: Sequence[NDArray[np.float32]]) -> list[Encoded]:
        """Return (frames, 25) float32 of every clip, in the units of openSMILE.

        Raises:
            EncoderError: openSMILE gives other frames than it should.
        """
        return [self._encode(clip) for clip in clips]

    def _encode(self, clip: NDArray[np.float32]) -> Encoded:
        with self._lock, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pandas and audinterface, which are not ours to mend
            values = np.asarray(self._smile.process_signal(clip, SAMPLING_RATE), dtype=np.float32)
        expected = (self.num_frames(len(clip)), WIDTH)
        if values.shape != expected:
            raise EncoderError(f"openSMILE gave {values.shape} for {len(clip)} samples, expected {expected}")
        return Encoded({"egemaps": values}, {"egemaps": values.mean(axis=0)}, {})
