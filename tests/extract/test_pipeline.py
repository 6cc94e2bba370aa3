"""Clips in, cache out: nothing redone, nothing lost, nothing invented, whatever happens on the way."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from cache import CacheReader, verify
from cache.errors import RecipeMismatchError
from extract.__main__ import app
from extract.audio import decode
from extract.encoders import load_encoder
from extract.encoders.base import EncoderOptions
from extract.options import ExtractOptions
from extract.pipeline import extract
from extract.sources import SourceClip

SHARD_MB = 0.01  # a few clips of the tiny encoder


@pytest.fixture(scope="module")
def clips(tmp_path_factory, voice, write_media) -> Path:
    """Twelve good clips of 0.3–1.5 s in four containers."""
    folder = tmp_path_factory.mktemp("clips")
    for number in range(12):
        suffix = (".wav", ".flac", ".mp3", ".mp4")[number % 4]
        write_media(folder / f"{number:05}{suffix}", voice(0.3 + 0.1 * number, seed=number))
    return folder


@pytest.fixture(scope="module")
def options(tiny_encoder) -> ExtractOptions:
    return ExtractOptions(EncoderOptions(str(tiny_encoder), device="cpu"), shard_mb=SHARD_MB)


@pytest.fixture(scope="module")
def reference(tmp_path_factory, clips, options) -> Path:
    """The cache of an uninterrupted run."""
    out = tmp_path_factory.mktemp("reference") / "cache"
    extract(clips, out, options)
    return out


def assert_same(one: Path, other: Path) -> None:
    """Bit-equal clips in equally named shards."""
    a, b = CacheReader(one), CacheReader(other)
    assert [record.name for record in a.records] == [record.name for record in b.records]
    assert a.clip_ids == b.clip_ids
    for clip_id in a.clip_ids:
        first, second = a[clip_id], b[clip_id]
        for name, values in first.frames.items():
            np.testing.assert_array_equal(values, second.frames[name])
            np.testing.assert_array_equal(first.global_mean[name], second.global_mean[name])
    assert verify(one).findings == verify(other).findings == ()


def test_a_run_caches_every_clip_in_several_shards(reference, clips) -> None:
    reader = CacheReader(reference)
    assert sorted(reader.clip_ids) == [f"{number:05}" for number in range(12)]
    assert len(reader.records) > 2
    assert verify(reference).findings == ()
    assert reader.clip_table("clips/source", ["00003"])[0] == "00003.mp4"
    stat = (clips / "00003.mp4").stat()
    record = next(record for record in reader.records if "00003" in record.clip_ids)
    assert record.content.sources["00003"].size == stat.st_size
    assert record.content.sources["00003"].mtime_ns == stat.st_mtime_ns


def test_what_h5py_alone_reads_equals_the_encoder_on_the_decoded_clip(reference, clips, tiny_encoder) -> None:
    encoder = load_encoder(EncoderOptions(str(tiny_encoder), device="cpu"))
    for shard in (reference / "shards").glob("*.h5"):
        with h5py.File(shard) as file:
            for row, clip_id in enumerate(file["clips/clip_id"].asstr()[:]):
                source = str(file["clips/source"].asstr()[row])
                samples = decode(SourceClip(clip_id, clips / source, source), 12.0).samples
                encoded = encoder.encode([samples])[0]
                start, stop = file["offsets"][row : row + 2]
                hidden = file["frames/hidden_states/2"][start:stop].astype(np.float32)
                expected = encoded.frames["hidden_states/2"]
                assert np.linalg.norm(hidden - expected) / np.linalg.norm(expected) < 1e-3
                np.testing.assert_allclose(file["frames/vad"][start:stop], encoded.frames["vad"], atol=1e-5)
                mean = expected.mean(axis=0, dtype=np.float32)
                np.testing.assert_allclose(file["global_mean/hidden_states/2"][row], mean, atol=1e-6)
                np.testing.assert_allclose(file["clips/vad"][row], encoded.clip["vad"], atol=1e-5)
                assert file["clips/num_samples"][row] == len(samples)


def test_a_second_run_extracts_nothing_and_says_so(tmp_path, clips, tiny_encoder) -> None:
    out = tmp_path / "c"
    arguments = ["run", str(clips), "--out", str(out), "--model", str(tiny_encoder), "--device", "cpu"]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    files = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    second = CliRunner().invoke(app, arguments)
    assert second.exit_code == 0
    assert "nothing to extract" in second.stdout
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == files
    third = CliRunner().invoke(app, [*arguments, "--json"])
    assert json.loads(third.stdout)["cached_before"] == 12


@pytest.mark.parametrize("batch_seconds", [0.0, 2.0, 100.0])
def test_batches_change_nothing(tmp_path, clips, reference, options, batch_seconds) -> None:
    extract(clips, tmp_path / "c", replace(options, batch_seconds=batch_seconds, num_workers=1))
    a, b = CacheReader(reference), CacheReader(tmp_path / "c")
    for clip_id in a.clip_ids:
        np.testing.assert_allclose(a[clip_id].frames["vad"], b[clip_id].frames["vad"], atol=1e-5)


def test_parts_make_the_same_cache_as_one_run(tmp_path, clips, reference, options) -> None:
    for index in (3, 1, 2):
        extract(clips, tmp_path / "c", replace(options, part=(index, 3)))
    assert_same(reference, tmp_path / "c")


def test_a_limit_takes_whole_shards_and_the_next_run_does_the_rest(
    tmp_path, clips, reference, options
) -> None:
    first = extract(clips, tmp_path / "c", replace(options, limit=1))
    assert 0 < first.extracted < 12
    second = extract(clips, tmp_path / "c", options)
    assert second.extracted == 12 - first.extracted
    assert second.cached_before == first.extracted
    assert_same(reference, tmp_path / "c")


def test_clips_added_later_are_all_that_is_extracted(tmp_path, voice, write_media, options) -> None:
    for number in (1, 3, 5):
        write_media(tmp_path / "clips" / f"{number}.wav", voice(0.5))
    extract(tmp_path / "clips", tmp_path / "c", options)
    before = {path.name for path in (tmp_path / "c" / "shards").iterdir()}
    for number in (2, 4):
        write_media(tmp_path / "clips" / f"{number}.wav", voice(0.5))
    assert extract(tmp_path / "clips", tmp_path / "c", options).extracted == 2
    assert before < {path.name for path in (tmp_path / "c" / "shards").iterdir()}
    assert extract(tmp_path / "clips", tmp_path / "c", options).extracted == 0
    assert sorted(CacheReader(tmp_path / "c").clip_ids) == ["1", "2", "3", "4", "5"]


def test_another_recipe_is_refused(reference, clips, options) -> None:
    with pytest.raises(RecipeMismatchError, match=r"max_seconds: 12\.0 -> 1\.0"):
        extract(clips, reference, replace(options, max_seconds=1.0))


def test_auto_precision_continues_the_cache_as_it_was_begun(tmp_path, clips, options) -> None:
    low = replace(options, encoder=replace(options.encoder, precision="bfloat16"), limit=1)
    extract(clips, tmp_path / "c", low)
    extract(clips, tmp_path / "c", options)
    assert CacheReader(tmp_path / "c").recipe["precision"] == "bfloat16"


@pytest.fixture
def mixed(tmp_path, voice, write_media, write_silent_film) -> Path:
    """Good input that is often refused, beside every kind of bad input, and a table that names them."""
    folder = tmp_path / "mixed"
    write_media(folder / "good_stereo.wav", voice(0.5, 44_100, 2), 44_100)
    write_media(folder / "good_8bit.wav", voice(0.5), subtype="PCM_U8")
    write_media(folder / "good_24bit.wav", voice(0.5), subtype="PCM_24")
    write_media(folder / "good_float.wav", voice(0.5), subtype="FLOAT")
    write_media(folder / "good_silence.wav", 0 * voice(0.5))
    write_media(folder / "good_400.wav", voice(1.0)[:400])
    (folder / "bad_empty.mp3").write_bytes(b"")
    (folder / "bad_text.wav").write_text("this is text\n" * 30)
    write_silent_film(folder / "bad_film.mp4")
    write_media(folder / "bad_300.wav", voice(1.0)[:300])
    sound = voice(0.5)
    sound[77] = np.nan
    soundfile.write(folder / "bad_nan.wav", sound, 16_000, subtype="FLOAT")
    names = sorted(path.stem for path in folder.iterdir())
    (tmp_path / "ids.csv").write_text(
        "clip_id,split\n" + "".join(f"{n},train\n" for n in [*names, "bad_gone"])
    )
    return tmp_path


def test_good_input_is_cached_and_bad_input_listed_with_exit_3(mixed, tiny_encoder) -> None:
    arguments = ["run", str(mixed / "ids.csv"), "--media", str(mixed / "mixed"), "--out", str(mixed / "c")]
    result = CliRunner().invoke(app, [*arguments, "--model", str(tiny_encoder), "--device", "cpu", "--json"])
    assert result.exit_code == 3
    summary = json.loads(result.stdout)
    assert {failure["clip_id"]: failure["reason"] for failure in summary["failures"]} == {
        "bad_empty": "unreadable",
        "bad_text": "unreadable",
        "bad_film": "no_audio_stream",
        "bad_300": "too_short",
        "bad_nan": "non_finite",
        "bad_gone": "not_found",
    }
    assert summary["failed_per_split"]["train"]["unreadable"] == 2
    reader = CacheReader(mixed / "c")
    assert sorted(reader.clip_ids) == sorted(p.stem for p in (mixed / "mixed").glob("good*"))
    assert reader.clip_table("clips/silent", ["good_silence", "good_400"]).tolist() == [True, False]
    assert reader.num_frames("good_400") == 1
    for clip_id in reader.clip_ids:
        assert np.isfinite(reader[clip_id].frames["vad"]).all()


def test_failed_clips_are_tried_again_and_leave_the_list_when_mended(
    mixed, options, voice, write_media
) -> None:
    source, out = mixed / "ids.csv", mixed / "c"
    options = replace(options, media=(mixed / "mixed",))
    first = extract(source, out, options)
    assert len(first.failures) == 6
    again = extract(source, out, options)
    assert (again.extracted, len(again.failures)) == (0, 6)
    write_media(mixed / "mixed" / "bad_300.wav", voice(0.5))
    write_media(mixed / "mixed" / "bad_gone.wav", voice(0.5))
    mended = extract(source, out, options)
    assert (mended.extracted, len(mended.failures)) == (2, 4)
    assert "bad_300" in CacheReader(out)
    assert verify(out).findings == ()


def start(clips: Path, out: Path, encoder: Path, *more: str, code: str = "") -> subprocess.Popen[str]:
    root = Path(__file__).resolve().parents[2]
    env = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    arguments = ["run", str(clips), "--out", str(out), "--model", str(encoder), "--device", "cpu"]
    arguments += ["--shard-mb", str(SHARD_MB), *more]
    program = f"import sys; {code}\nfrom extract.__main__ import main; sys.argv[1:] = {arguments!r}; main()"
    return subprocess.Popen(
        [sys.executable, "-c", program], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


# Slow the encoder down, so that a signal reliably finds the run in the middle of its work.
SLOW = (
    "import time; import extract.encoders.wav2vec2_vad as m; plain = m.Wav2Vec2Vad.encode; "
    "m.Wav2Vec2Vad.encode = lambda self, clips: (time.sleep(0.15), plain(self, clips))[1]"
)


def wait_for(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "timed out"
        time.sleep(0.02)


def committed(out: Path) -> int:
    return len(list(out.glob("shards/*.json")))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_ends_with_75_and_the_next_run_continues(
    tmp_path, clips, reference, options, tiny_encoder, number
) -> None:
    run = start(clips, tmp_path / "c", tiny_encoder, code=SLOW)
    wait_for(lambda: committed(tmp_path / "c") >= 1)
    run.send_signal(number)
    stdout, stderr = run.communicate(timeout=60)
    assert run.returncode == 75, stderr
    assert "run the same command again to continue" in stdout + stderr
    assert "Traceback" not in stderr
    assert 1 <= committed(tmp_path / "c") < len(CacheReader(reference).records)
    summary = extract(clips, tmp_path / "c", options)
    assert summary.cached_before >= 1
    assert_same(reference, tmp_path / "c")


def test_killed_at_random_instants_the_cache_is_whole_and_ends_the_same(
    tmp_path, clips, reference, options, tiny_encoder
) -> None:
    rng = random.Random(0)
    for _ in range(3):
        run = start(clips, tmp_path / "c", tiny_encoder, code=SLOW)
        wait_for((tmp_path / "c" / "cache.json").exists)
        time.sleep(rng.uniform(0.0, 1.0))
        run.kill()
        run.communicate(timeout=60)
        for finding in verify(tmp_path / "c").findings:
            assert "no commit record" in finding.problem
        reader = CacheReader(tmp_path / "c")
        for clip_id in reader.clip_ids:
            expected = CacheReader(reference)[clip_id].frames["vad"]
            np.testing.assert_array_equal(reader[clip_id].frames["vad"], expected)
    extract(clips, tmp_path / "c", options)
    assert_same(reference, tmp_path / "c")
    assert not list((tmp_path / "c").rglob("*.tmp"))


def test_the_same_command_started_twice_makes_one_cache(tmp_path, clips, reference, tiny_encoder) -> None:
    runs = [start(clips, tmp_path / "c", tiny_encoder) for _ in range(2)]
    for run in runs:
        _, stderr = run.communicate(timeout=120)
        assert run.returncode == 0, stderr
    assert_same(reference, tmp_path / "c")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "nowhere", "--out", "c"], "no such file or folder"),
        (["run", "empty", "--out", "c"], "no audio or video files"),
        (["run", "twice", "--out", "c"], r"two files for clip id 1"),
        (["run", "good", "--out", "c", "--part", "0/2"], "1 <= i <= n"),
        (["run", "good", "--out", "c", "--part", "two"], "i/n"),
        (["run", "good", "--out", "c", "--max-seconds", "0.01"], "at least 0.025"),
        (["run", "good", "--out", "good"], r"holds other files \(1\.wav\)"),
        (["run", "good", "--out", "good/1.wav"], r"is a file"),
        (["run", "good", "--out", "c", "--backend", "tape"], "tape"),
    ],
)
def test_refusals_are_one_line_and_exit_1(
    tmp_path, monkeypatch, capsys, tiny_encoder, voice, write_media, arguments, message
) -> None:
    from extract.__main__ import main

    (tmp_path / "empty").mkdir()
    write_media(tmp_path / "good" / "1.wav", voice(0.3))
    write_media(tmp_path / "twice" / "1.wav", voice(0.3))
    write_media(tmp_path / "twice" / "1.flac", voice(0.3))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        sys, "argv", ["emi-extract", *arguments, "--model", str(tiny_encoder), "--device", "cpu"]
    )
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 1
    error = capsys.readouterr().err.strip()
    assert error.startswith("error: ")
    assert "\n" not in error
    assert re.search(message, error)
