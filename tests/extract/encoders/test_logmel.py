"""The built-in encoder without weights: its numbers are what they are called, and it needs no torch."""

from __future__ import annotations

import numpy as np
import pytest

from cache import CacheReader, verify
from extract.encoders.base import EncoderOptions
from extract.encoders.lookup import load_encoder
from extract.errors import EncoderError
from extract.options import ExtractOptions
from extract.run.extract import extract


@pytest.fixture(scope="module")
def encoder():
    return load_encoder(EncoderOptions("logmel"))


def sine(frequency: float, amplitude: float = 1.0, seconds: float = 1.0) -> np.ndarray:
    time = np.arange(round(seconds * 16_000)) / 16_000
    return (amplitude * np.sin(2 * np.pi * frequency * time)).astype(np.float32)


def log_power(values: np.ndarray) -> np.ndarray:
    """Undo the constant shift and scale: natural logarithms of power."""
    return 5.0 * values + np.log(1e-5)


def test_the_last_number_is_the_log_energy_and_loudness_is_kept(encoder) -> None:
    loud, soft = (encoder.encode([sine(440, a)])[0].frames["logmel"] for a in (1.0, 0.1))
    assert loud.shape == (49, 81)
    np.testing.assert_allclose(log_power(loud)[:, 80], np.log(0.5), atol=0.05)
    np.testing.assert_allclose(log_power(loud)[:, 80] - log_power(soft)[:, 80], 2 * np.log(10), atol=1e-3)
    peaks = [log_power(values)[:, :80].max(axis=1) for values in (loud, soft)]
    np.testing.assert_allclose(peaks[0] - peaks[1], 2 * np.log(10), atol=1e-3)


def test_a_sine_is_in_the_band_of_its_pitch(encoder) -> None:
    edges = np.linspace(*(2595 * np.log10(1 + np.array([20.0, 8000.0]) / 700)), 82)
    centres = 700 * (10 ** (edges[1:-1] / 2595) - 1)
    for frequency in (100, 440, 1000, 3000, 7000):
        bands = log_power(encoder.encode([sine(frequency)])[0].frames["logmel"])[:, :80].mean(axis=0)
        nearest = np.abs(centres - frequency).argmin()
        assert abs(int(bands.argmax()) - int(nearest)) <= 1
        assert bands.max() == pytest.approx(np.log(2), abs=np.log(2))


def test_silence_is_at_the_floor_and_frames_are_those_of_wav2vec2(encoder) -> None:
    values = encoder.encode([np.zeros(16_000, np.float32)])[0].frames["logmel"]
    np.testing.assert_allclose(log_power(values), np.log(1e-10), rtol=1e-5)
    assert values.min() == pytest.approx(-2.3, abs=0.01)
    for samples in (399, 400, 719, 720, 192_000):
        assert encoder.num_frames(samples) == max(0, (samples - 400) // 320 + 1)
    whole = encoder.encode([sine(200, seconds=70.0)])[0]
    assert whole.frames["logmel"].shape == (encoder.num_frames(70 * 16_000), 81)
    np.testing.assert_allclose(whole.global_mean["logmel"], whole.frames["logmel"].mean(axis=0), atol=1e-5)


def test_what_it_cannot_do_is_refused(encoder) -> None:
    for options in ({"layers": "6"}, {"precision": "float16"}, {"device": "cuda"}):
        with pytest.raises(EncoderError, match="logmel"):
            load_encoder(EncoderOptions("logmel", **options))


def test_a_run_writes_logmel_and_no_vad_and_needs_no_torch(tmp_path, voice, write_media, python) -> None:
    for number in range(3):
        write_media(tmp_path / "clips" / f"{number}.wav", voice(0.5, seed=number))
    code = (
        "import sys; from extract import extract, ExtractOptions, EncoderOptions; "
        f"print(extract({str(tmp_path / 'clips')!r}, {str(tmp_path / 'c')!r}, "
        "ExtractOptions(EncoderOptions('logmel'))).extracted, 'torch' in sys.modules)"
    )
    done = python("-c", code)
    assert done.stdout.split() == ["3", "False"], done.stderr
    reader = CacheReader(tmp_path / "c")
    assert list(reader.frame_fields) == ["logmel"]
    assert not [name for name in reader.records[0].datasets if "vad" in name]
    assert verify(tmp_path / "c").findings == ()


def test_a_head_is_fitted_on_it_end_to_end(tmp_path, voice, write_media, python) -> None:
    rng = np.random.default_rng(0)
    rows = []
    for number in range(24):
        loudness = rng.uniform(0.1, 1.0)
        write_media(tmp_path / "clips" / f"{number:02}.wav", loudness * voice(0.4, seed=number))
        rows.append(f"{number:02},{loudness:.3f},{1 - loudness:.3f}\n")
    extract(tmp_path / "clips", tmp_path / "c", ExtractOptions(EncoderOptions("logmel")))
    for name, part in (("train", rows[:16]), ("valid", rows[16:])):
        (tmp_path / f"{name}.csv").write_text("clip_id,Joy,Pain\n" + "".join(part))
    labels = ["--train", str(tmp_path / "train.csv"), "--valid", str(tmp_path / "valid.csv")]
    fit = [
        "-m",
        "train",
        "fit",
        "--recipe",
        "paper",
        str(tmp_path / "c"),
        *labels,
        "--out",
        str(tmp_path / "run"),
        "--epochs",
        "3",
    ]
    done = python(*fit, "--no-vad", "--hidden", "8")
    assert done.returncode == 0, done.stderr
    refused = python(*fit, "--overwrite")
    assert refused.returncode == 1
    assert "no vad in this cache" in refused.stderr
