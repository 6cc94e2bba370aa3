"""Ray: the cache is that of a run on one machine, whoever dies in the middle: a worker's machine, or the driver."""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from cache.common import gate
from extract.encoders.base import EncoderOptions
from extract.errors import ExtractError
from extract.options import EngineOptions, ExtractOptions
from extract.run.extract import extract
from extract.text.encode_text import encode_text
from extract.text.options import TextOptions
from extract.transcripts.asr.options import TranscribeOptions
from extract.transcripts.asr.transcribe import transcribe

CLIPS = 28
WEIGHTS = b"".join([  # a Whisper of CTranslate2 with nothing but a number in its one layer
    struct.pack("<IH", 6, 12), b"WhisperSpec\0", struct.pack("<IIH", 3, 1, 18), b"decoder/layer_0/b\0",
    struct.pack("<BBI", 0, 1, 1), b"\0",
])  # fmt: skip


@pytest.fixture(scope="module")
def sounds(tmp_path_factory, voice, write_media) -> Path:
    folder = tmp_path_factory.mktemp("sounds")
    for number in range(CLIPS):
        write_media(folder / f"{number:05}.wav", voice(0.4, seed=number))
    return folder


@pytest.fixture(scope="module")
def plain() -> ExtractOptions:
    return ExtractOptions(EncoderOptions("logmel"), shard_mb=0.007)  # two clips


@pytest.fixture(scope="module")
def expected(tmp_path_factory, sounds, plain) -> Path:
    out = tmp_path_factory.mktemp("expected") / "cache"
    assert extract(sounds, out, plain).extracted == CLIPS
    return out


def on_ray(plain: ExtractOptions, machines) -> ExtractOptions:
    return replace(plain, engine=EngineOptions("ray", machines.address, workers=2))


def start(sounds: Path, out: Path, machines, *more: str) -> subprocess.Popen[str]:
    arguments = ["run", str(sounds), "--out", str(out), "--model", "logmel", "--shard-mb", "0.007"]
    arguments += ["--engine", "ray", "--address", machines.address, "--workers", "2", *more]
    program = f"import sys; from extract.__main__ import main; sys.argv[1:] = {arguments!r}; main()"
    return subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def wait_for(condition: Callable[[], object], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "timed out"
        time.sleep(0.02)


def records(out: Path) -> int:
    return len(gate.names(out, "shards", ".json"))


def at_work(out: Path) -> int:
    """Return how many processes hold leases."""
    held = set()
    for name in gate.names(out, "leases", ".lease"):
        with suppress(OSError, ValueError):  # it was given back meanwhile
            held.add(json.loads(gate.read(out, out / "leases" / name))["pid"])
    return len(held)


@contextmanager
def one_dying(machines, leases_in: Path, committed: Callable[[], int]) -> Iterator[list[float]]:
    """Kill a machine once both are at work and four shards are committed; yield when that was."""
    machines.add()
    machines.hold()
    died: list[float] = []

    def kill() -> None:
        try:
            wait_for(lambda: at_work(leases_in) == 2)
        finally:
            machines.go()  # else workers would be held for ever
        wait_for(lambda: committed() >= 4)
        machines.kill()
        died.append(time.monotonic())

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        yield died
    finally:
        killer.join()


@pytest.mark.parametrize("place", ["folder", "bucket"])
def test_a_machine_that_dies_costs_the_shard_at_hand(
    tmp_path, machines, sounds, plain, expected, assert_same, request, place
) -> None:
    out = (tmp_path if place == "folder" else request.getfixturevalue("bucket")) / "c"
    with one_dying(machines, out, lambda: records(out)) as died:
        summary = extract(sounds, out, on_ray(plain, machines))
        ended = time.monotonic()
    assert (summary.cached, summary.failures, summary.stopped) == (CLIPS, (), False)
    assert summary.extracted in (CLIPS, CLIPS - 2), "its last shard's record may have come and its word not"
    assert any("was lost: it died, or its machine" in note for note in summary.notes)
    assert ended - died[0] < 0.25 * CLIPS + 15  # 0.1 s a clip on the one worker left
    assert summary.phases["encode"] > 1
    assert_same(expected, out)
    assert not gate.names(out, "leases")


def test_a_driver_that_dies_is_started_again(
    tmp_path, machines, sounds, plain, expected, assert_same
) -> None:
    out = tmp_path / "c"
    driver = start(sounds, out, machines)
    wait_for(lambda: records(out) >= 3)
    driver.send_signal(signal.SIGKILL)
    driver.communicate(timeout=30)
    before = records(out)
    summary = extract(sounds, out, on_ray(plain, machines))
    assert before < CLIPS / 2, "the driver was killed too late for this test"
    assert 0 < summary.extracted < CLIPS
    assert summary.cached == CLIPS
    assert_same(expected, out)


def test_a_stop_is_in_order_and_the_same_command_goes_on(
    tmp_path, machines, sounds, plain, expected, assert_same
) -> None:
    out = tmp_path / "c"
    driver = start(sounds, out, machines, "--grace", "5", "--log-file", str(tmp_path / "log"))
    wait_for(lambda: records(out) >= 2)
    driver.send_signal(signal.SIGTERM)
    stdout, stderr = driver.communicate(timeout=60)
    assert (driver.returncode, stderr) == (75, "")
    assert "run the same command again" in stdout
    assert not list(out.glob("leases/*"))
    assert f"committed {next(out.glob('shards/*.json')).stem}" in (tmp_path / "log").read_text()
    assert extract(sounds, out, on_ray(plain, machines)).cached == CLIPS
    assert_same(expected, out)


def test_broken_clips_are_in_the_same_ledger(tmp_path, machines, sounds, plain) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "good.wav").write_bytes((sounds / "00000.wav").read_bytes())
    (tmp_path / "in" / "bad.wav").write_text("this is text\n" * 30)
    here = Path.cwd()
    os.chdir(tmp_path)  # the workers have another folder: paths reach them absolute
    try:
        summary = extract("in", "c", on_ray(plain, machines))
    finally:
        os.chdir(here)
    assert [(failure.clip_id, failure.reason) for failure in summary.failures] == [("bad", "unreadable")]
    assert (summary.extracted, len(list(tmp_path.glob("c/failures/*.jsonl")))) == (1, 1)


def test_no_room_and_a_loaded_encoder_are_one_line(tmp_path, machines, sounds, plain) -> None:
    from extract.encoders.logmel import LogMel

    options = replace(plain, engine=EngineOptions("ray", machines.address, gpus_per_worker=1.0))
    with pytest.raises(
        ExtractError, match="no machine has room for a worker of 1 CPUs and 1 GPUs, found 1 CPUs"
    ):
        extract(sounds, tmp_path / "c", options)
    with pytest.raises(ExtractError, match="an encoder that is loaded works in its own process only"):
        extract(sounds, tmp_path / "d", options, encoder=LogMel(EncoderOptions("logmel")))


@pytest.fixture
def asr(tmp_path, machines, monkeypatch) -> TranscribeOptions:
    """The workers' stand-in for a recogniser, here too."""
    pytest.importorskip("ctranslate2", reason="needs CTranslate2: pip install 'emi-fusion[whisper]'")
    folder = tmp_path / "asr"
    folder.mkdir()
    (folder / "config.json").write_text('{"alignment_heads": [], "suppress_ids": []}')
    (folder / "tokenizer.json").write_text("{}")
    (folder / "model.bin").write_bytes(WEIGHTS)
    stand_in = ModuleType("faster_whisper")
    exec((machines.folder / "faster_whisper.py").read_text(), vars(stand_in))
    monkeypatch.setitem(sys.modules, "faster_whisper", stand_in)
    return TranscribeOptions(folder, shard_clips=2)


def test_words_are_heard_and_encoded_on_all_machines(
    tmp_path, machines, sounds, asr, bench, assert_same
) -> None:
    table, parts = tmp_path / "t.csv", tmp_path / "t.parts"
    engine = EngineOptions("ray", machines.address, workers=2)
    with one_dying(machines, parts, lambda: len(gate.names(parts, "parts", ".json"))):
        heard = transcribe([sounds], table, replace(asr, engine=engine))
    assert (heard.clips, heard.failures, heard.stopped) == (CLIPS, (), False)
    assert any("was lost: it died, or its machine" in note for note in heard.notes)
    transcribe([sounds], tmp_path / "alone.csv", asr)
    assert table.read_bytes() == (tmp_path / "alone.csv").read_bytes()
    assert not gate.names(parts, "leases")

    bert, out = bench("kill_transcripts").text_encoder(tmp_path / "bert"), tmp_path / "text"
    text = TextOptions(bert, shard_mb=0.002)
    machines.add()
    encoded = encode_text([table], out, replace(text, engine=engine))
    assert (encoded.cached, encoded.failures, encoded.stopped) == (CLIPS, (), False)
    encode_text([table], tmp_path / "alone", text)
    assert_same(tmp_path / "alone", out)


def test_a_clip_that_changed_is_heard_again_by_a_worker(tmp_path, machines, asr, write_media, voice) -> None:
    engine = EngineOptions("ray", machines.address)
    for number, seconds in enumerate([0.2, 0.3]):
        write_media(tmp_path / "in" / f"{number}.wav", voice(seconds))
    assert transcribe([tmp_path / "in"], tmp_path / "t.csv", replace(asr, engine=engine)).heard == 2
    write_media(tmp_path / "in" / "1.wav", voice(0.4))
    done = transcribe([tmp_path / "in"], tmp_path / "t.csv", replace(asr, engine=engine, update=True))
    assert (done.heard, "14400" in (tmp_path / "t.csv").read_text(encoding="utf-8-sig")) == (1, True)
