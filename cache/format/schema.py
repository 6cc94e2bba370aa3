"""The arrays of a shard: their names, shapes, dtypes and meaning; constants of the format."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cache.common.gate import require_array_name

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
ROW_CRC = "crc32c"
CLIP_LEVEL = (GLOBAL_MEAN, CLIPS, SCALE, OFFSET)  # arrays with one row per clip, that ROW_CRC vouches for
LATER: dict[str, np.generic] = {
    CLIPS + "windowed": np.False_
}  # of shards made before a field came: its value

# The only dtypes there are, as numpy writes them; everything else is refused before numpy interprets it.
NUMBERS = ("<f2", "<f4", "<f8", "|i1", "<i2", "<i4", "<i8", "|u1", "<u2", "<u4", "<u8")
STORED_DTYPES = {text: np.dtype(text) for text in (*NUMBERS, "|b1")}
FRAME_DTYPES = {np.dtype(text).name: np.dtype(text) for text in NUMBERS}  # as cache.json names them
TEXT_DTYPE = re.compile(r"\|S[1-9][0-9]{0,6}")


def stored_dtype(text: object) -> np.dtype[Any]:
    """Return the dtype that a text such as ``<f2`` or ``|S64`` names; raises ValueError for any other."""
    known = STORED_DTYPES.get(text) if isinstance(text, str) else None
    if known is not None:
        return known
    if isinstance(text, str) and TEXT_DTYPE.fullmatch(text):
        return np.dtype(text)
    raise ValueError(f"dtype {text!r} is not allowed in a cache")


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
    FieldSpec("frames/times", "(frames, 2)", "float32", "text: start and end of the word of each token [s]; its frames come at no fixed rate"),
    FieldSpec("global_mean/hidden_states/12", "(clips, 1024)", "float32", "mean over the clip's frames, taken in float32 before the cast"),
    FieldSpec("global_mean/vad", "(clips, 3)", "float32", "mean of frames/vad over the clip"),
    FieldSpec("clips/vad", "(clips, 3)", "float32", "regression head on the mean hidden state: the model card's clip-level value"),
    FieldSpec("clips/cls", "(clips, width)", "float32", "text: the last layer's first token; of a text in windows the mean over these"),
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
    FieldSpec("crc32c", "(clips,)", "uint32", "checksum of the clip's rows of all other arrays with one row per clip"),
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

    Raises:
        ValueError: the name might lead elsewhere when it becomes that of a file.
    """

    name: str
    width: int
    dtype: np.dtype[Any] = field(default_factory=lambda: np.dtype(np.float32))
    frame_shift: float = FRAME_SHIFT
    dims: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        require_array_name(self.name)

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
        width, shift, dims = row["width"], row["frame_shift"], row["dims"]
        dtype = FRAME_DTYPES.get(row["dtype"])
        if dtype is None or type(width) is not int or width < 1:
            raise ValueError(f"field {name}: width {width!r} and dtype {row['dtype']!r} are no frame field")
        if type(shift) not in (int, float) or not 0 < shift < math.inf:
            raise ValueError(f"field {name}: frame_shift {shift!r}, expected seconds")
        if not isinstance(dims, list) or not all(isinstance(dim, str) for dim in dims):
            raise ValueError(f"field {name}: dims {dims!r}, expected a list of names")
        return cls(name, width, dtype, float(shift), tuple(dims))
