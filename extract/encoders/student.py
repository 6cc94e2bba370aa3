"""A student of ``emi-train distil``: log-mel frames, then a small network in numpy; no torch, any laptop.

What it hears is rounded to float16 as a log-mel cache has it, so that a clip's features are those that the
student gives of the cache it was trained from, to the last bit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cache.common.console import in_one_line
from cache.common.student.arrays import run_student
from cache.common.student.layout import VERSION, Layout
from cache.format.recipe import canonical_json
from cache.format.schema import VAD_DIMS, FrameField
from extract.encoders.base import Encoded, EncoderOptions, require_plain
from extract.encoders.hub import ModelFiles
from extract.encoders.logmel import LogMel
from extract.encoders.speech.weight_files import weight_paths
from extract.errors import EncoderError

FEATURES, VAD, READ_OUT = "features", "vad", "readout"
FROM_VAD = "vad"  # what the config of a student of VAD says under ``targets_from``
TARGETS_FROM = (FROM_VAD, "linear", "none")
LONGEST = 500  # letters of a licence that are taken over into caches and cards


def describe(files: ModelFiles, options: EncoderOptions) -> Student:
    """Return the student in a folder; its weights are read when they are needed.

    Raises:
        EncoderError: its config is not known, it hears other log-mel frames, or the options ask for what it lacks.
    """
    return Student(files, options)


class Student:
    """A student; see ``extract.encoders.base``, loaded and unloaded."""

    libraries = ("safetensors",)
    precisions = ("float32",)

    def __init__(self, files: ModelFiles, options: EncoderOptions) -> None:
        require_plain(options.model, options)
        self._files = files
        if files.weights is not None and len(weight_paths(files)) != 1:
            raise EncoderError(f"{files.weights}: a student has one file of weights; copy its folder again")
        self._logmel = LogMel(options)
        self._layout = _layout(files, options.model)
        self._has_vad = files.config.get("targets_from") == FROM_VAD
        if files.config.get("logmel_config_sha256") != self._logmel.recipe["config_sha256"]:
            raise EncoderError(
                f"{options.model}: this student hears log-mel frames of other settings than this version's; "
                "distil it again"
            )
        vad = FrameField(VAD, len(VAD_DIMS), np.dtype(np.float32), dims=VAD_DIMS)
        features = FrameField(FEATURES, self._layout.frame_width, np.dtype(np.float16))
        self.fields: tuple[FrameField, ...] = (features, vad) if self._has_vad else (features,)
        self.licence = f"a student of {_teacher(files)}, under its weights' licence: {_licence(files)}"
        self.equal_lengths = False
        self.chunking = "none"
        self.batch_seconds = 0.0
        self.memory_seconds = float("inf")

    @cached_property
    def recipe(self) -> dict[str, Any]:
        """Its part of the cache's recipe."""
        settings = {"layout": self._layout.to_json(), "logmel": self._logmel.recipe["config_sha256"]}
        return {
            "model": self._files.model,
            "revision": self._files.revision,
            "weights_sha256": self._sha256(),
            "config_sha256": hashlib.sha256(canonical_json(settings).encode()).hexdigest(),
            "layers": [],
            "vad": list(VAD_DIMS) if self._has_vad else [],
            "normalisation": "none",
            "precision": "float32",
        }

    def devices(self) -> list[str]:
        """Return ``cpu`` for every worker asked for."""
        return self._logmel.devices()

    def load(self, device: str | None = None) -> Student:  # noqa: ARG002 - there is but one
        """Read the weights, and return itself.

        Raises:
            EncoderError: one is missing, unexpected, misshapen or not finite.
        """
        _ = self._tensors
        return self

    def num_frames(self, num_samples: int) -> int:
        """Return the frames of ``num_samples`` samples; 0 when they are too few."""
        return self._logmel.num_frames(num_samples)

    def encode(self, clips: Sequence[NDArray[np.float32]]) -> list[Encoded]:
        """Return features of every frame, and what the student says of frame and clip."""
        return [self.of_logmel(each.frames["logmel"]) for each in self._logmel.encode(clips)]

    def of_logmel(self, frames: NDArray[np.floating[Any]]) -> Encoded:
        """Return what it says of log-mel frames (frames, 81), of the sound or of a cache."""
        with np.errstate(
            over="ignore", invalid="ignore"
        ):  # weights too large: the clip is listed as not finite
            said = run_student(self._layout, self._tensors, frames)
        found, of_clip = {FEATURES: said.frames}, {}
        if said.frame_readout is not None and said.clip_readout is not None:
            of_clip[VAD if self._has_vad else READ_OUT] = said.clip_readout
            if self._has_vad:
                found[VAD] = said.frame_readout
        return Encoded(found, {name: values.mean(axis=0) for name, values in found.items()}, of_clip)

    def _sha256(self) -> str:
        (path,) = weight_paths(self._files)
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    @cached_property
    def _tensors(self) -> dict[str, NDArray[np.float32]]:
        from safetensors import SafetensorError, safe_open

        (path,) = weight_paths(self._files)
        try:
            with safe_open(path, framework="np") as file:
                found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        except (SafetensorError, OSError, TypeError, AttributeError) as error:  # numpy has not every dtype
            raise EncoderError(f"{path}: cannot be read ({error}); copy the student's folder again") from None
        wanted = self._layout.shapes()
        wrong = sorted(
            name
            for name in {*wanted, *found}
            if name not in wanted
            or name not in found
            or (found[name].shape, found[name].dtype) != (wanted[name], np.float32)
            or not np.isfinite(found[name]).all()
        )
        if wrong:
            raise EncoderError(
                f"{path}: {len(wrong)} tensors are missing, unexpected, misshapen or not finite: "
                f"{', '.join(map(in_one_line, wrong[:5]))}; copy the student's folder again, or distil it anew"
            )
        return found


def _layout(files: ModelFiles, model: str) -> Layout:
    try:
        if files.config.get("version") != VERSION:
            raise ValueError(f"version {files.config.get('version')!r}, expected {VERSION}")
        layout = Layout.from_json(files.config)
        if files.config.get("targets_from") not in TARGETS_FROM:
            found = str(files.config.get("targets_from"))
            raise ValueError(f"targets_from {found[:60]!r}, expected {' or '.join(TARGETS_FROM)}")
        if files.config.get("targets_from") == FROM_VAD and layout.dimensions != VAD_DIMS:
            raise ValueError(f"vad of {str(layout.dimensions)[:60]}, expected {VAD_DIMS!r}")
    except (KeyError, TypeError, ValueError) as error:
        reason = f"no field {error}" if isinstance(error, KeyError) else str(error)
        raise EncoderError(
            f"{model}: config.json is not that of a student of this version ({in_one_line(reason)})"
        ) from None
    return layout


def _teacher(files: ModelFiles) -> str:
    teacher = files.config.get("teacher")
    name = teacher.get("model") if isinstance(teacher, dict) else None
    return in_one_line(name[:LONGEST]) if isinstance(name, str) else "?"


def _licence(files: ModelFiles) -> str:
    words = files.config.get("licence")
    if not isinstance(words, str) or not words.strip():
        return "not stated"
    return in_one_line(words if len(words) <= LONGEST else words[:LONGEST] + " …")
