"""What the doctor asks of an encoder: golden values, batches, precision, speed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from cache.format.schema import SAMPLING_RATE
from extract.encoders.base import Encoder
from extract.encoders.registry import DEFAULT_MODEL
from extract.errors import ClipError
from extract.preflight.checks import FAILED, OK, WARNING, Check
from extract.preflight.tone import Samples, tone

PUBLISHED_FIELDS = {("hidden_states/12", 1024), ("vad", 3)}  # a copied folder has no name to know it by
# audEERING's card: head on the time mean of one second of zeros; arousal, dominance, valence.
GOLDEN = (0.5460754, 0.6062266, 0.4043166)
GOLDEN_TOLERANCE = 1e-4
BATCH_TOLERANCE = 1e-5  # relative L2 in float32
ROUNDING_FACTOR = 3.0  # a difference within so many times the effect of rounding is rounding
PRECISION_TOLERANCE = 3e-2
LENGTHS = (0.5, 1.7, 3.1, 0.025, 2.3)  # seconds of the clips that are encoded alone and together, or a frame


def encoder_checks(encoder: Encoder, lower: Mapping[str, Callable[[], Encoder]], device: str) -> list[Check]:
    """Check a loaded float32 encoder, and what lower precision would cost on its device.

    Args:
        encoder: in float32.
        lower: name of each lower precision → how the encoder is loaded in it.
        device: that it is on.
    """
    return [_golden(encoder), _batches(encoder), *_precisions(encoder, lower), _speed(encoder, device)]


def _golden(encoder: Encoder) -> Check:
    values = encoder.encode([np.zeros(SAMPLING_RATE, np.float32)])[0].clip.get("vad")
    if values is None:
        return Check("golden values", OK, "none: this encoder has no head for arousal, dominance, valence")
    error = float(np.abs(values - GOLDEN).max())
    found = f"1 s of zeros: {', '.join(f'{value:.7f}' for value in values)}"
    if error <= GOLDEN_TOLERANCE:
        return Check("golden values", OK, f"{found}: as the model card says, within {error:.0e}")
    if encoder.recipe["model"] == DEFAULT_MODEL:
        expected = ", ".join(map(str, GOLDEN))
        return Check("golden values", FAILED, found, f"expected {expected}: get the weights and torch again")
    if {frame_field.name: frame_field.width for frame_field in encoder.fields}.items() >= PUBLISHED_FIELDS:
        advice = "if it is meant to be the published encoder, get the weights again"
        return Check(
            "golden values", WARNING, f"{found}: of the published encoder's size, not its values", advice
        )
    return Check("golden values", OK, f"{found}; none are known for this encoder, so nothing is compared")


def _batches(encoder: Encoder) -> Check:
    """The same clips alone and together; for group-norm encoders, together means equal lengths."""
    lengths = [LENGTHS[1]] * len(LENGTHS) if encoder.equal_lengths else LENGTHS
    least = next(count for count in range(0, SAMPLING_RATE, 80) if encoder.num_frames(count)) / SAMPLING_RATE
    clips = [tone(max(least, seconds), seed) for seed, seconds in enumerate(lengths)]
    alone = [encoder.encode([clip])[0].frames for clip in clips]
    together = [encoded.frames for encoded in encoder.encode(clips)]
    error = max(_relative(a[name], b[name]) for a, b in zip(together, alone, strict=True) for name in a)
    kind = "equal lengths" if encoder.equal_lengths else "any lengths"
    found = f"alone and together ({kind}) differ by {error:.1e}"
    if error <= BATCH_TOLERANCE:
        return Check("batch invariance", OK, found)
    rounding = _rounding(encoder, clips, alone)
    found += f"; rounding the samples in their last bit makes {rounding:.1e}"
    if error <= ROUNDING_FACTOR * rounding:
        return Check("batch invariance", OK, found + ", so this is rounding, in an ill-conditioned encoder")
    return Check("batch invariance", FAILED, found, "use --batch-seconds 0 (single clips)")


def _rounding(encoder: Encoder, clips: Sequence[Samples], alone: Sequence[dict[str, Samples]]) -> float:
    """Return how far a change in the last bit of the samples moves this encoder's values."""
    nudged = [np.nextafter(clip, np.float32(np.inf)) for clip in clips]
    frames = [encoder.encode([clip])[0].frames for clip in nudged]
    return max(_relative(a[name], b[name]) for a, b in zip(frames, alone, strict=True) for name in a)


def _precisions(encoder: Encoder, lower: Mapping[str, Callable[[], Encoder]]) -> Iterator[Check]:
    """What bfloat16 and float16 cost in accuracy, and what they save in time, on this device."""
    if not lower:
        return
    clip = tone(3.1)
    exact, slow = _timed(encoder, clip)
    for name, load in lower.items():
        low = load()
        try:
            rough, quick = _timed(low, clip)
        except ClipError as refusal:
            yield Check(f"--precision {name}", WARNING, str(refusal), "use float32")
            continue
        error = max(_relative(rough[key], exact[key]) for key in exact)
        found = f"relative error {error:.1e}, {slow / quick:.1f} × as fast as float32 here"
        state = OK if error <= PRECISION_TOLERANCE else WARNING
        yield Check(f"--precision {name}", state, found, "" if state == OK else "not for this encoder")


def _timed(encoder: Encoder, clip: Samples) -> tuple[dict[str, Samples], float]:
    encoder.encode([clip])
    begin = time.perf_counter()
    frames = encoder.encode([clip])[0].frames
    return frames, time.perf_counter() - begin


def _relative(one: Samples, other: Samples) -> float:
    distance = float(np.linalg.norm(one.astype(np.float64) - other))
    return distance / max(1e-12, float(np.linalg.norm(other))) if np.isfinite(distance) else float("inf")


def _speed(encoder: Encoder, device: str) -> Check:
    """Single clips against a batch, so that --batch-seconds can be chosen by measurement."""
    clips = [tone(3.0, seed) for seed in range(4)]
    encoder.encode(clips)
    begin = time.perf_counter()
    for clip in clips:
        encoder.encode([clip])
    single = 12.0 / (time.perf_counter() - begin)
    begin = time.perf_counter()
    encoder.encode(clips)
    batch = 12.0 / (time.perf_counter() - begin)
    found = f"{device}, float32: {single:.1f} × real time with single clips, {batch:.1f} × with four together"
    return Check("speed", OK, found)
