"""The demo's files are what they claim to be: media that decode, voices that voice, tables that join."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from scipy.signal import find_peaks, welch

from extract.demo.clip_plan import NUM_SPEAKERS, SUFFIXES, suffix_of
from extract.demo.corpus import DemoCorpus, make_demo
from extract.demo.media import write_sound
from extract.demo.voice import EMOTIONS, SAMPLING_RATE, Speaker, synthesise
from extract.errors import ExtractError

CLIPS = 24


@pytest.fixture(scope="module")
def demo_folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("demo") / "demo"


@pytest.fixture(scope="module")
def corpus(demo_folder) -> DemoCorpus:
    return make_demo(demo_folder, clips=CLIPS, seed=3)


@pytest.fixture(scope="module")
def durations(corpus) -> dict[str, float]:
    """Seconds by file name, as decoded."""
    return {path.name: decoded_seconds(path) for path in sorted(corpus.media.iterdir())}


@pytest.fixture(scope="module")
def voice() -> np.ndarray:
    speaker = Speaker(pitch=120.0, tract=1.0, tempo=4.2, breath=0.06)
    return synthesise(np.full(6, 0.3), speaker, 6.0, np.random.default_rng(0))


def decoded_seconds(path: Path) -> float:
    if path.suffix != ".mp4":
        samples, rate = soundfile.read(path)
        return len(samples) / rate
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=0))
        return sum(frame.samples for frame in frames) / frames[0].sample_rate


def read_table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def voiced_frames(sound: np.ndarray) -> np.ndarray:
    """Windows of 40 ms that are within 15 dB of the loudest: (windows, 640)."""
    windows = np.lib.stride_tricks.sliding_window_view(sound, 640)[::320]
    rms = np.sqrt((windows**2).mean(axis=1))
    return windows[rms > 10 ** (-15 / 20) * rms.max()]


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_clip_has_its_file_in_the_format_of_its_turn(corpus, durations):
    assert list(durations) == [f"{i:05d}{suffix_of(i)}" for i in range(CLIPS)]
    assert corpus.num_clips == CLIPS == corpus.num_train + corpus.num_valid


def test_lengths_are_plausible(durations):
    assert all(0.95 <= seconds <= 14.1 for seconds in durations.values())
    assert 4 < np.mean(list(durations.values())) < 8


@pytest.mark.parametrize("duration", [1.0, 3.37])
def test_media_last_as_long_as_they_were_asked_to(tmp_path, duration):
    sound = synthesise(np.zeros(6), Speaker(120.0, 1.0, 4.2, 0.06), duration, np.random.default_rng(0))
    assert len(sound) == round(duration * SAMPLING_RATE)
    for suffix in SUFFIXES:
        write_sound(tmp_path / f"clip{suffix}", suffix, sound)
        assert decoded_seconds(tmp_path / f"clip{suffix}") == pytest.approx(duration, abs=0.05)


def test_containers_hold_what_real_corpora_hold(corpus):
    by_suffix = {suffix: corpus.media / f"{i:05d}{suffix}" for i, suffix in enumerate(SUFFIXES)}
    found = {suffix: soundfile.info(by_suffix[suffix]) for suffix in (".wav", ".flac", ".mp3")}
    assert (found[".wav"].samplerate, found[".wav"].subtype) == (16_000, "PCM_16")
    assert (found[".flac"].samplerate, found[".flac"].format) == (44_100, "FLAC")
    assert (found[".mp3"].samplerate, found[".mp3"].channels) == (16_000, 1)
    with av.open(str(by_suffix[".mp4"])) as container:
        audio, video = container.streams.audio[0], container.streams.video[0]
        assert (audio.codec_context.name, audio.rate, audio.channels) == ("aac", 48_000, 2)
        assert len(list(container.decode(video))) >= 10


def test_split_tables_look_like_the_corpus(corpus):
    for path, count in ((corpus.train_csv, corpus.num_train), (corpus.valid_csv, corpus.num_valid)):
        text = path.read_text(encoding="utf-8")
        assert text.splitlines()[0] == "Filename," + ",".join(EMOTIONS)
        rows = read_table(path)
        assert len(rows) == count
        assert all(len(row["Filename"]) == 5 and row["Filename"].isdigit() for row in rows)
        labels = np.array([[float(row[emotion]) for emotion in EMOTIONS] for row in rows])
        assert labels.min() == 0
        assert labels.max() <= 1
        assert (labels.std(axis=0) > 0).all()
        assert 0.1 < (labels > 0).mean() < 0.6


def test_splits_share_no_speaker(corpus):
    speaker = {row["clip_id"]: row["speaker"] for row in read_table(corpus.speakers_csv)}
    train, valid = (
        {speaker[row["Filename"]] for row in read_table(path)}
        for path in (corpus.train_csv, corpus.valid_csv)
    )
    assert not train & valid
    assert len(train | valid) == NUM_SPEAKERS
    assert corpus.num_train == pytest.approx(0.75 * CLIPS, abs=2)


def test_pitch_is_that_of_a_voice(voice):
    frames = voiced_frames(voice)
    frames = frames - frames.mean(axis=1, keepdims=True)
    spectrum = np.abs(np.fft.rfft(frames, 2048, axis=1)) ** 2
    correlation = np.fft.irfft(spectrum, axis=1)
    shortest, longest = SAMPLING_RATE // 320, SAMPLING_RATE // 75
    lags = shortest + correlation[:, shortest:longest].argmax(axis=1)
    strength = correlation[np.arange(len(lags)), lags] / correlation[:, 0]
    pitch = SAMPLING_RATE / lags[strength > 0.5]
    assert len(pitch) > 0.5 * len(frames)
    assert np.mean((pitch >= 78) & (pitch <= 302)) > 0.95
    assert pitch.std() > 5  # it moves


def test_spectrum_has_formants():
    still = Speaker(pitch=100.0, tract=1.0, tempo=4.2, breath=0.3)
    sound = synthesise(np.zeros(6), still, 6.0, np.random.default_rng(0))
    frequency, power = welch(np.diff(sound), SAMPLING_RATE, nperseg=256)
    peaks, _ = find_peaks(10 * np.log10(power[frequency < 5000]), prominence=1.0)
    assert len(peaks) >= 2
    assert frequency[peaks[0]] < 1000


def test_voice_pauses(voice):
    level = np.sqrt((voice[: len(voice) // 160 * 160].reshape(-1, 160) ** 2).mean(axis=1))
    quiet = "".join("q" if value < 0.02 * level.max() else "s" for value in level)
    assert "q" * 12 in quiet.strip("q")  # 120 ms between sounding parts


def test_order_in_time_follows_the_intensity():
    """Determination decides whether the voice ends bright or dark, not how bright it is on average."""
    endings = []
    for determination in (0.0, 1.0):
        intensities = np.array([0, 0, determination, 0, 0, 0], dtype=float)
        sound = synthesise(intensities, Speaker(120.0, 1.0, 4.2, 0.06), 6.0, np.random.default_rng(0))
        bright = [np.square(np.diff(part)).sum() / np.square(part).sum() for part in np.split(sound, 6)]
        endings.append(bright[-1] / np.mean(bright[2:4]))
    assert endings[1] > 2 * endings[0]


def test_same_seed_same_files(corpus, demo_folder, tmp_path):
    make_demo(tmp_path / "again", clips=CLIPS, seed=3)
    assert files_below(tmp_path / "again") == files_below(demo_folder)


def test_running_again_does_nothing(corpus, demo_folder):
    before = {path: path.stat().st_mtime_ns for path in demo_folder.rglob("*")}
    assert make_demo(demo_folder, clips=CLIPS, seed=3) == corpus
    assert {path: path.stat().st_mtime_ns for path in demo_folder.rglob("*")} == before


def test_an_interrupted_call_run_again_gives_the_same_files(corpus, demo_folder, tmp_path):
    def interrupt(done: int, total: int) -> None:
        assert total == CLIPS
        if done == 5:
            raise KeyboardInterrupt

    folder = tmp_path / "demo"
    with pytest.raises(KeyboardInterrupt):
        make_demo(folder, clips=CLIPS, seed=3, on_progress=interrupt)
    assert not (folder / "demo.json").exists()
    (folder / "media" / "00001.flac").unlink()
    make_demo(folder, clips=CLIPS, seed=3)
    assert files_below(folder) == files_below(demo_folder)


def test_nothing_foreign_is_overwritten(corpus, demo_folder, tmp_path):
    with pytest.raises(ExtractError, match="holds another demo"):
        make_demo(demo_folder, clips=CLIPS, seed=4)
    (tmp_path / "media").mkdir()
    with pytest.raises(ExtractError, match="is no demo"):
        make_demo(tmp_path, clips=CLIPS)


def test_too_few_clips_are_refused(tmp_path):
    with pytest.raises(ValueError, match="--clips 24 or more"):
        make_demo(tmp_path / "demo", clips=23)
    assert not (tmp_path / "demo").exists()


def test_encoder_has_the_published_layout(corpus):
    from safetensors import safe_open

    config = json.loads((corpus.encoder / "config.json").read_text(encoding="utf-8"))
    assert config["architectures"] == ["Wav2Vec2ForSpeechClassification"]
    assert config["id2label"] == {"0": "arousal", "1": "dominance", "2": "valence"}
    assert config["feat_extract_norm"] == "layer"
    extractor = json.loads((corpus.encoder / "preprocessor_config.json").read_text(encoding="utf-8"))
    assert extractor["do_normalize"] is extractor["return_attention_mask"] is True
    assert (corpus.encoder / "vocab.json").read_text(encoding="utf-8") == "{}"
    hidden = config["hidden_size"]
    with safe_open(corpus.encoder / "model.safetensors", "pt") as file:
        shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
        assert file.metadata() == {"format": "pt"}
    assert {name.split(".")[0] for name in shapes} == {"wav2vec2", "classifier"}
    assert shapes["classifier.dense.weight"] == (hidden, hidden)
    assert shapes["classifier.out_proj.weight"] == (3, hidden)
    assert "wav2vec2.encoder.pos_conv_embed.conv.weight_g" in shapes
    assert "wav2vec2.encoder.pos_conv_embed.conv.weight_v" in shapes


def test_every_speaker_has_every_container():
    """Else a container would tell a split: the audit of a fit finds exactly that."""
    seen = {(index % NUM_SPEAKERS, suffix_of(index)) for index in range(240)}
    assert len(seen) == NUM_SPEAKERS * len(SUFFIXES)
