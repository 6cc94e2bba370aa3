"""The arrays of a shard: their names, shapes, dtypes and meaning; constants of the format."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

FORMAT = "emi-fusion cache"
FORMAT_VERSION = 1
SAMPLING_RATE = 16_000  # Hz, of everything the encoders see
FRAME_SHIFT = 0.02  # seconds: one wav2vec 2.0 frame per 320 samples
FLOAT16_LIMIT = 65_504.0  # largest finite float16
SILENCE_DB = -120.0  # floor of rms_db; a clip at the floor is silent
VAD_DIMS = ("arousal", "dominance", "valence")  # the order of the checkpoint's regression head

FRAMES = "frames/"
HIDDEN_STATES = "hidden_states/"  # a frame field of one encoder layer; the layer's number follows
GLOBAL_MEAN = "global_mean/"
CLIPS = "clips/"
CRC = "clips/crc32c/"
SCALE = "scale/"
OFFSET = "offset/"
OFFSETS = "offsets"


@dataclass(frozen=True)
class FieldSpec:
    """One row of the field table: what stands where in a shard."""

    name: str
    shape: str
    dtype: str
    meaning: str


FIELD_TABLE = (
    FieldSpec("frames/hidden_states/12", "(frames, 1024)", "float16", "encoder output, 50 frames/s, one field per cached layer"),
    FieldSpec("frames/vad", "(frames, 3)", "float32", "regression head on every frame: arousal, dominance, valence"),
    FieldSpec("global_mean/hidden_states/12", "(clips, 1024)", "float32", "mean over the clip's frames, taken in float32 before the cast"),
    FieldSpec("global_mean/vad", "(clips, 3)", "float32", "mean of frames/vad over the clip"),
    FieldSpec("clips/vad", "(clips, 3)", "float32", "regression head on the mean hidden state: the model card's clip-level value"),
    FieldSpec("clips/clip_id", "(clips,)", "text", "the clip's id: text, never parsed as a number"),
    FieldSpec("clips/source", "(clips,)", "text", "file it came from, relative to the source folder; #channel=1, #audio_stream=1 where one was chosen"),
    FieldSpec("clips/start", "(clips,)", "float64", "where the clip starts in that file [s]"),
    FieldSpec("clips/num_samples", "(clips,)", "int64", "samples at 16 kHz that the features were computed from"),
    FieldSpec("clips/duration", "(clips,)", "float64", "num_samples / 16000 [s]"),
    FieldSpec("clips/rms_db", "(clips,)", "float32", "loudness re full scale [dB], floor -120"),
    FieldSpec("clips/audio_sha256", "(clips,)", "text", "sha256 of the decoded 16 kHz float32 samples"),
    FieldSpec("clips/cut", "(clips,)", "bool", "the clip went on after max-seconds"),
    FieldSpec("clips/windowed", "(clips,)", "bool", "too long for whole-clip attention: read in overlapping windows, an approximation"),
    FieldSpec("clips/silent", "(clips,)", "bool", "rms_db is at its floor"),
    FieldSpec("clips/crc32c/<frame field>", "(clips,)", "uint32", "checksum of the clip's rows of that frame field"),
    FieldSpec("offsets", "(clips + 1,)", "int64", "frame rows of clip i are offsets[i]:offsets[i+1]"),
    FieldSpec("scale/<frame field>", "(clips, channels)", "float16", "compact caches: int8 × scale + offset is the number"),
    FieldSpec("offset/<frame field>", "(clips, channels)", "float16", "compact caches: the middle of the channel's range in the clip"),
)  # fmt: skip


@dataclass(frozen=True)
class FrameField:
    """A field with one row per frame.

    Attributes:
        name: without the ``frames/`` prefix, for example ``hidden_states/12`` or ``vad``.
        width: numbers per frame.
        dtype: as stored, for example ``float16``.
        frame_shift: seconds between two frames.
        dims: names of the columns, where they have names.
    """

    name: str
    width: int
    dtype: np.dtype[Any] = field(default_factory=lambda: np.dtype(np.float32))
    frame_shift: float = FRAME_SHIFT
    dims: tuple[str, ...] = ()

    @property
    def quantised(self) -> bool:
        """Whether it is stored as int8 with ``scale/<name>`` and ``offset/<name>``."""
        return self.dtype == np.int8

    @property
    def bytes_per_frame(self) -> int:
        """Bytes one frame takes in a shard."""
        return self.width * self.dtype.itemsize

    def attributes(self) -> dict[str, Any]:
        """What the frame field says about itself inside a shard."""
        named = {"dims": list(self.dims)} if self.dims else {}
        return {"offsets": OFFSETS, "frame_shift": self.frame_shift, **named}

    def to_json(self) -> dict[str, Any]:
        """The field's row in ``cache.json``."""
        return {
            "width": self.width,
            "dtype": self.dtype.name,
            "frame_shift": self.frame_shift,
            "dims": list(self.dims),
        }

    @classmethod
    def from_json(cls, name: str, row: dict[str, Any]) -> FrameField:
        """The inverse of ``to_json``; raises KeyError, TypeError or ValueError for a row that is none."""
        dtype = np.dtype(str(row["dtype"]))
        if dtype.kind not in "fiu" or int(row["width"]) < 1:
            raise ValueError(f"field {name}: width {row['width']} and dtype {dtype} are no frame field")
        return cls(name, int(row["width"]), dtype, float(row["frame_shift"]), tuple(map(str, row["dims"])))
