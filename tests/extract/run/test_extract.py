"""Clips in, cache out: nothing redone, nothing lost, nothing invented, whatever happens on the way."""

from __future__ import annotations

import json
import re
import shutil
import sys
from dataclasses import replace

import h5py
import numpy as np
import pytest
import soundfile
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from cache import CacheReader, verify
from cache.common.errors import RecipeMismatchError
from extract.__main__ import app
from extract.audio.decode import decode
from extract.encoders.base import EncoderOptions
from extract.encoders.lookup import load_encoder
from extract.encoders.speech.describe import UnloadedSpeechEncoder
from extract.errors import EncoderError
from extract.run.extract import extract
from extract.sources.clips import SourceClip


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


def test_parts_make_the_same_cache_as_one_run(assert_same, tmp_path, clips, reference, options) -> None:
    for index in (3, 1, 2):
        extract(clips, tmp_path / "c", replace(options, part=(index, 3)))
    assert_same(reference, tmp_path / "c")


def test_a_limit_takes_whole_shards_and_the_next_run_does_the_rest(
    assert_same, tmp_path, clips, reference, options
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


def test_a_log_file_tells_the_night(tmp_path, mixed, options) -> None:
    log = tmp_path / "logs" / "night.log"
    options = replace(options, media=(mixed / "mixed",), log_file=log)
    extract(mixed / "ids.csv", mixed / "c", options)
    text = log.read_text()
    assert re.search(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d extract .*ids\.csv", text)
    assert "failed bad_nan: non_finite: NaN" in text
    assert re.search(r"committed \w+-0: \d+ clips", text)
    with pytest.raises(RecipeMismatchError):
        extract(mixed / "ids.csv", mixed / "c", replace(options, max_seconds=1.0))


def test_segments_of_one_file_are_clips(tmp_path, voice, write_media, options) -> None:
    write_media(tmp_path / "talk.mp4", voice(6.0))
    rows = [f"talk.mp4,{start / 2},{start / 2 + 0.6}\n" for start in range(10)]
    (tmp_path / "m.csv").write_text("path,start,end\n" + "".join(rows) + "talk.mp4,50,60\n")
    summary = extract(tmp_path / "m.csv", tmp_path / "c", options)
    assert summary.extracted == 10
    assert [failure.reason for failure in summary.failures] == ["bad_segment"]
    reader = CacheReader(tmp_path / "c")
    assert reader.clip_table("clips/start", ["talk/4.500-5.100"])[0] == 4.5
    assert reader.num_frames("talk/4.500-5.100") == 29


WHOLE = """
import resource, sys
from pathlib import Path
from extract import EncoderOptions, ExtractOptions, extract
peaks = []
for name in ("short", "long"):
    options = ExtractOptions(EncoderOptions(sys.argv[1], device="cpu"), max_seconds=0.0)
    extract(Path(sys.argv[2]) / name, Path(sys.argv[2]) / f"{name}-cache", options)
    peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
print(peaks[1] - peaks[0])
"""


def test_a_clip_of_ten_minutes_is_taken_whole_in_bounded_memory(
    tmp_path, voice, python, tiny_encoder
) -> None:
    sound = np.resize(voice(30.0)[:, 0], 600 * 16_000)
    for name, samples in (("short", sound[: 70 * 16_000]), ("long", sound)):
        (tmp_path / name).mkdir()
        soundfile.write(tmp_path / name / "x.wav", samples, 16_000)
    done = python("-c", WHOLE, str(tiny_encoder), str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert (
        float(done.stdout.split()[-1]) < 700
    )  # MB; its samples are 80, and attention over all of it 15,000 a head
    assert CacheReader(tmp_path / "long-cache").num_frames("x") == (600 * 16_000 - 400) // 320 + 1


def test_whole_clips_are_taken_and_marked_where_attention_was_windowed(
    tmp_path, voice, write_media, options
) -> None:
    write_media(tmp_path / "clips" / "long.wav", voice(61.0))
    write_media(tmp_path / "clips" / "short.wav", voice(1.0))
    extract(tmp_path / "clips", tmp_path / "c", replace(options, max_seconds=0.0))
    reader = CacheReader(tmp_path / "c")
    assert reader.num_frames("long") == (61 * 16_000 - 400) // 320 + 1
    assert reader.clip_table("clips/windowed", ["long", "short"]).tolist() == [True, False]
    assert reader.clip_table("clips/cut", ["long"]).tolist() == [False]
    assert "windows of 60 s" in reader.recipe["chunking"]
    with pytest.raises(RecipeMismatchError, match=r"max_seconds: 0\.0 -> 12\.0"):
        extract(tmp_path / "clips", tmp_path / "c", options)


def test_a_file_that_vanishes_between_plan_and_decode_is_one_entry(
    tmp_path, voice, write_media, options
) -> None:
    for number in range(3):
        write_media(tmp_path / "clips" / f"{number}.wav", voice(0.5, seed=number))
    encoder = load_encoder(options.encoder)
    plain = encoder.num_frames

    def vanish(samples: int) -> int:
        (tmp_path / "clips" / "1.wav").unlink(missing_ok=True)
        return plain(samples)

    encoder.num_frames = vanish
    summary = extract(tmp_path / "clips", tmp_path / "c", options, encoder=encoder)
    assert [(f.clip_id, f.reason) for f in summary.failures] == [("1", "not_found")]
    assert summary.extracted == 2


def test_a_run_that_finds_nothing_to_do_loads_no_torch_and_no_decoder(
    tmp_path, clips, tiny_encoder, python
) -> None:
    arguments = ["run", str(clips), "--out", str(tmp_path / "c"), "--model", str(tiny_encoder)]
    code = (
        f"import sys; from extract.__main__ import app; sys.argv[1:] = {arguments!r}\n"
        "try: app()\nexcept SystemExit as stop: assert not stop.code\n"
        "print(sorted({'torch', 'transformers', 'av', 'soundfile'} & set(sys.modules)))"
    )
    assert python("-c", code).stdout.splitlines()[-1] == "['av', 'soundfile', 'torch', 'transformers']"
    done = python("-c", code)
    assert "nothing to extract: 12 clips cached before" in done.stdout, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"


def test_no_cache_is_begun_with_weights_that_do_not_fit(tmp_path, clips, tiny_encoder, options) -> None:
    broken = shutil.copytree(tiny_encoder, tmp_path / "encoder")
    weights = load_file(broken / "model.safetensors")
    del weights["classifier.out_proj.bias"]
    save_file(weights, broken / "model.safetensors", {"format": "pt"})
    with pytest.raises(EncoderError, match="missing classifier"):
        extract(clips, tmp_path / "c", replace(options, encoder=EncoderOptions(str(broken), device="cpu")))
    assert not (tmp_path / "c").exists()


def test_an_encoder_that_changes_while_it_is_loaded_is_refused(tmp_path, clips, options, monkeypatch) -> None:
    extract(clips, tmp_path / "c", replace(options, limit=1))
    plain = UnloadedSpeechEncoder.load

    def other(self, device=None):
        encoder = plain(self, device)
        encoder.recipe = {**encoder.recipe, "weights_sha256": "another"}
        return encoder

    monkeypatch.setattr(UnloadedSpeechEncoder, "load", other)
    with pytest.raises(EncoderError, match="files changed while it was loaded"):
        extract(clips, tmp_path / "c", options)
    assert not list((tmp_path / "c" / "leases").iterdir())
