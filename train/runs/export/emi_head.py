"""Predicts with the ONNX file of a head, alone or in a bundle: needs numpy and onnxruntime, nothing else.

A bundle holds a copy of this file, which is whole in itself:

    from emi_head import load_bundle
    head = load_bundle("head.zip")
    head.predict(frames)          # (frames, width) of one clip, or a list of clips
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

HEAD, CHECKSUMS = "head.onnx", "checksums.json"
FORMAT = "emi-fusion head 1"
AS_STORED, OF_SOUND = "stored", "waveform"
MAX_BYTES = 1 << 31  # what a file of this format can have
BATCH = 32  # clips at once

Array = npt.NDArray[Any]


class BundleError(ValueError):
    """The file is no head that this module can use, or frames do not fit it; one readable line."""


class Bundle:
    """A head, or several whose mean counts, ready to predict.

    Attributes:
        targets: names of the intensities.
        low, high: (targets,) smallest and largest training label.
        width: channels of a frame.
        fields: name → channels of the cached fields that are joined to a frame, in this order.
        recipe: of the features, as ``emi-extract`` makes them.
        described: all that the file says of itself, by name.
    """

    def __init__(self, data: bytes, where: str) -> None:
        self._where = where
        self._session = _session(data, where)
        found = self._session.get_modelmeta().custom_metadata_map
        if found.get("format") != FORMAT:
            raise BundleError(
                f"{where}: format {found.get('format')!r}, expected {FORMAT!r}: emi-train export wrote it"
            )
        self.described: dict[str, Any] = {
            name: json.loads(text) for name, text in found.items() if name != "format"
        }
        if self.described["frames"] == AS_STORED:
            raise BundleError(
                f"{where}: takes fields as a cache stores them; export it without --frames stored"
            )
        if self.described["frames"] == OF_SOUND:
            raise BundleError(
                f"{where}: takes sound, no frames: run it in onnxruntime, {OF_SOUND} is (clips, samples) at 16 kHz"
            )
        self.targets: tuple[str, ...] = tuple(self.described["targets"])
        self.low, self.high = (np.array(self.described[name], np.float32) for name in ("low", "high"))
        self.fields: dict[str, int] = self.described["fields"]
        self.recipe: dict[str, Any] = self.described["recipe"]
        self.width = sum(self.fields.values())
        self._takes_mean = "global_mean" in [each.name for each in self._session.get_inputs()]

    def predict(
        self, frames: Array | Sequence[Array], global_mean: Array | None = None, *, clip: bool = True
    ) -> Array:
        """Return the intensities of a clip (targets,), or of a list of clips (clips, targets), float32.

        Args:
            frames: (frames, width) of one clip, or a list of such arrays, each of its own length.
            global_mean: (width,) of the clip, or (clips, width); for a file that was exported with it as an input.
            clip: bring predictions into the range of the training labels, as ``emi-train predict`` does.

        Raises:
            BundleError: frames have another width, are none, or are not finite.
        """
        single = isinstance(frames, np.ndarray) and frames.ndim == 2
        clips = [np.asarray(each, dtype=np.float32) for each in ([frames] if single else frames)]
        means = self._means(global_mean, clips)
        for number, each in enumerate(clips):
            self._require_frames(each, number)
        lengths = np.array([len(each) for each in clips], dtype=np.int64)
        found = np.empty((len(clips), len(self.targets)), np.float32)
        order = np.argsort(lengths, kind="stable")  # clips of about one length waste no padding
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            padded = np.zeros((len(rows), lengths[rows].max(), self.width), np.float32)
            for row, number in enumerate(rows):
                padded[row, : lengths[number]] = clips[number]
            given = {"frames": padded, "lengths": lengths[rows]}
            if means is not None:
                given["global_mean"] = means[rows]
            found[rows] = self._session.run(None, given)[0]
        if clip:
            found = found.clip(self.low, self.high)
        return found[0] if single else found

    def _means(self, given: Array | None, clips: Sequence[Array]) -> Array | None:
        if (given is not None) != self._takes_mean:
            takes = "needs the global mean of every clip" if self._takes_mean else "takes no global mean"
            raise BundleError(
                f"{self._where}: {takes}; {'give' if self._takes_mean else 'leave out'} global_mean"
            )
        if given is None:
            return None
        means = np.asarray(given, dtype=np.float32).reshape(-1, self.width)
        if len(means) != len(clips) or not np.isfinite(means).all():
            raise BundleError(
                f"global_mean: found {means.shape}, expected finite ({len(clips)}, {self.width})"
            )
        return means

    def _require_frames(self, frames: Array, number: int) -> None:
        if frames.ndim != 2 or frames.shape[1] != self.width or not len(frames):
            names = " + ".join(self.fields)
            raise BundleError(
                f"clip {number}: found frames of shape {frames.shape}, expected (1 or more, {self.width}): {names}"
            )
        if not np.isfinite(frames).all():
            raise BundleError(
                f"clip {number}: frames that are not finite (NaN or infinite); leave the clip out"
            )


def load_bundle(path: str | Path) -> Bundle:
    """Load a bundle (.zip) that ``emi-train bundle --onnx`` wrote, or an ONNX file of ``emi-train export``.

    Raises:
        BundleError: the file is neither, is damaged, or onnxruntime is not installed.
    """
    path = Path(path)
    if not path.is_file():
        raise BundleError(f"{path}: no such file; expected a bundle (.zip) or an .onnx file")
    if path.stat().st_size > MAX_BYTES:
        raise BundleError(f"{path}: {path.stat().st_size} bytes, expected at most {MAX_BYTES}")
    data = path.read_bytes() if path.suffix == ".onnx" else _packed(path)
    try:
        return Bundle(data, str(path))
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise BundleError(f"{path}: does not say what a head says of itself ({error})") from None


def _packed(path: Path) -> bytes:
    """Return the ONNX file in a bundle, once its checksum was found to be right."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if HEAD not in names:
                raise BundleError(
                    f"{path}: holds no {HEAD}; pack it with emi-train bundle RUN --onnx --out …"
                )
            if archive.getinfo(HEAD).file_size > MAX_BYTES:
                raise BundleError(f"{path}: {HEAD} would have more than {MAX_BYTES} bytes")
            data = archive.read(HEAD)
            known = json.loads(archive.read(CHECKSUMS))["files"][HEAD]
    except (
        zipfile.BadZipFile,
        OSError,
        KeyError,
        TypeError,
        RuntimeError,
        UnicodeError,
        json.JSONDecodeError,
    ) as error:
        raise BundleError(f"{path}: no readable bundle ({error}); get it again") from None
    if hashlib.sha256(data).hexdigest() not in known:
        raise BundleError(f"{path}: {HEAD} holds other bytes than its checksum says; get it again")
    return data


def _session(data: bytes, where: str) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise BundleError(f"onnxruntime: cannot be imported ({error}); pip install onnxruntime") from None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise BundleError(f"{where}: no ONNX file that onnxruntime can run ({reason})") from None
