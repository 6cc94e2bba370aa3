"""eGeMAPS by openSMILE: with a stand-in of its interface, and with the real one where it is installed."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from extract.encoders.base import EncoderOptions
from extract.encoders.lookup import find_encoder, load_encoder
from extract.errors import EncoderError


@pytest.fixture
def stand_in(monkeypatch):
    """openSMILE's interface, whose descriptors are the loudness of each frame."""

    class Smile:
        feature_names = tuple(f"descriptor {number}" for number in range(25))
        missing = 0

        def __init__(self, **options) -> None:
            assert options == {"feature_set": "v02", "feature_level": "lld", "sampling_rate": 16_000}

        def process_signal(self, samples, rate):
            assert rate == 16_000
            frames = (len(samples) - 960) // 160 + 2 - self.missing
            return np.repeat(np.abs(samples[:frames, None]), 25, axis=1)

    module = ModuleType("opensmile")
    module.__version__, module.Smile = "2.6.0", Smile
    module.FeatureSet = SimpleNamespace(eGeMAPSv02="v02")
    module.FeatureLevel = SimpleNamespace(LowLevelDescriptors="lld")
    monkeypatch.setitem(sys.modules, "opensmile", module)
    return Smile


def test_frames_of_10_ms_with_their_names(stand_in) -> None:
    encoder = load_encoder(EncoderOptions("egemaps"))
    (field,) = encoder.fields
    assert (field.name, field.width, field.frame_shift, field.dims[3]) == (
        "egemaps",
        25,
        0.01,
        "descriptor 3",
    )
    (encoded,) = encoder.encode([np.ones(16_000, np.float32)])
    assert encoded.frames["egemaps"].shape == (encoder.num_frames(16_000), 25) == (96, 25)
    assert encoder.num_frames(959) == 0
    assert (encoder.recipe["opensmile"], encoder.recipe["vad"]) == ("2.6.0", [])
    assert "commercial" in encoder.licence


def test_other_frames_than_expected_are_one_line(stand_in, monkeypatch) -> None:
    monkeypatch.setattr(stand_in, "missing", 1)
    with pytest.raises(EncoderError, match=r"gave \(95, 25\) for 16000 samples, expected \(96, 25\)"):
        load_encoder(EncoderOptions("egemaps")).encode([np.ones(16_000, np.float32)])


def test_without_opensmile_one_line_says_how_to_get_it_and_its_licence(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "opensmile", None)
    with pytest.raises(EncoderError, match=r"free for research only.*pip install opensmile"):
        find_encoder(EncoderOptions("egemaps"))


def test_what_it_cannot_do_is_one_line(stand_in) -> None:
    for options in ({"layers": "1"}, {"precision": "float16"}, {"device": "cuda:0"}, {"padding": 1.0}):
        with pytest.raises(EncoderError, match=r"--model egemaps|--padding"):
            find_encoder(EncoderOptions("egemaps", **options))


def test_the_real_one_has_as_many_frames_as_are_expected() -> None:
    pytest.importorskip("opensmile", reason="opensmile is not installed, and never is by this project")
    encoder = load_encoder(EncoderOptions("egemaps"))
    rng = np.random.default_rng(0)
    clips = [
        rng.normal(0, 0.1, samples).astype(np.float32) for samples in (960, 1_119, 1_120, 16_001, 40_000)
    ]
    for clip, encoded in zip(clips, encoder.encode(clips), strict=True):
        assert encoded.frames["egemaps"].shape == (encoder.num_frames(len(clip)), 25)
        assert np.isfinite(encoded.frames["egemaps"]).all()
