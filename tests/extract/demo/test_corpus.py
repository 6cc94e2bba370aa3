"""The demo's files are what they claim to be: media that decode, voices that voice, tables that join."""

from __future__ import annotations

import csv
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from extract.demo.clip_plan import NUM_SPEAKERS, SUFFIXES, suffix_of
from extract.demo.corpus import DemoCorpus, make_demo
from extract.demo.voice import EMOTIONS
from extract.errors import ExtractError

CLIPS = 24


@pytest.fixture(scope="module")
def demo_folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("demo") / "demo"


@pytest.fixture(scope="module")
def corpus(demo_folder) -> DemoCorpus:
    return make_demo(demo_folder, clips=CLIPS, seed=3)


@pytest.fixture(scope="module")
def durations(corpus, decoded_seconds) -> dict[str, float]:
    """Seconds by file name, as decoded."""
    return {path.name: decoded_seconds(path) for path in sorted(corpus.media.iterdir())}


def read_table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_clip_has_its_file_in_the_format_of_its_turn(corpus, durations):
    assert list(durations) == [f"{i:05d}{suffix_of(i)}" for i in range(CLIPS)]
    assert corpus.num_clips == CLIPS == corpus.num_train + corpus.num_valid


def test_lengths_are_plausible(durations):
    assert all(0.95 <= seconds <= 14.1 for seconds in durations.values())
    assert 4 < np.mean(list(durations.values())) < 8


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
