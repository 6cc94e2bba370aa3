"""Everything in a source folder is accounted for: cached, failed, or counted as no media; odd names end no run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from cache import CacheReader

CONTAINERS = {
    ".3gp": ("3gp", "aac"), ".aac": ("adts", "aac"), ".avi": ("avi", "mp3"), ".caf": ("caf", "pcm_s16le"),
    ".m4b": ("mp4", "aac"), ".mka": ("matroska", "libopus"), ".ts": ("mpegts", "aac"), ".w64": ("w64", "pcm_s16le"),
}  # fmt: skip


def write(path: Path, container: str, codec: str, seconds: float = 1.0) -> None:
    """A tone of 440 Hz."""
    with av.open(str(path), "w", format=container) as file:
        track = file.add_stream(codec, rate=48_000, layout="mono")
        tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(round(48_000 * seconds)) / 48_000)
        frame = av.AudioFrame.from_ndarray(tone[None].astype(np.float32), "fltp", "mono")
        frame.sample_rate, frame.pts = 48_000, 0
        size = track.codec_context.frame_size or 1024
        resampler = av.AudioResampler(track.codec_context.format, "mono", 48_000, frame_size=size)
        for part in (*resampler.resample(frame), *resampler.resample(None)):
            file.mux(track.encode(part))
        file.mux(track.encode())


@pytest.fixture
def emi(root):
    """``emi-extract`` with a terminal that takes UTF-8 and nothing else; returns exit code and its lines."""

    def run(*arguments: str | bytes) -> tuple[int, str]:
        env = {
            **os.environ,
            "PYTHONPATH": str(root),
            "PYTHONIOENCODING": "utf-8:strict",
            "OMP_NUM_THREADS": "1",
        }
        command = [sys.executable, "-m", "extract", *arguments, "--model", "logmel"]
        done = subprocess.run(command, env=env, cwd=root, capture_output=True, check=False, timeout=120)
        assert b"Traceback" not in done.stderr, done.stderr.decode()
        return done.returncode, done.stdout.decode() or done.stderr.decode()

    return run


def test_every_file_of_a_folder_is_cached_or_named(emi, tmp_path, voice, write_media) -> None:
    folder = tmp_path / "media"
    write_media(folder / "plain.wav", voice())
    for suffix, (container, codec) in CONTAINERS.items():
        write(folder / f"as_{suffix[1:]}{suffix}", container, codec)
    (folder / "as_3gp.3gp").rename(folder / "renamed.x")
    (folder / "broken.aac").write_bytes(b"no sound")
    for name in ("labels.csv", "notes.txt", "code.ts", ".DS_Store", "list.m3u8", "README"):
        (folder / name).write_text("clip_id\nas_caf\n")
    (folder / "empty.bin").write_bytes(b"")
    open(os.fsencode(folder) + b"/caf\xe9.wav", "wb").close()
    line = (
        "7 files are no media: 1 .bin (empty.bin), 1 .csv (labels.csv), 1 .m3u8 (list.m3u8), 1 .ts (code.ts), "
        "1 .txt (notes.txt), 1 hidden (.DS_Store), 1 without suffix (README)"
    )
    arguments = (str(folder), "--out", str(tmp_path / "c"))
    documents = []
    for command in ("plan", "run"):
        code, said = emi(command, *arguments, "--json")
        documents.append(json.loads(said))
        assert code == 3
        assert line in emi(command, *arguments)[1]
    planned, run = documents
    assert planned["no_media"] == run["no_media"]
    assert run["no_media"]["files"] == 7
    assert {f["clip_id"]: f["reason"] for f in planned["failures"]} == {
        f["clip_id"]: f["reason"] for f in run["failures"]
    }
    assert {f["clip_id"]: f["reason"] for f in run["failures"]} == {
        r"caf\xe9.wav": "bad_name", "broken": "unreadable"
    }  # fmt: skip
    with CacheReader(tmp_path / "c") as cache:
        assert sorted(cache.clip_ids) == sorted(
            ["plain", "renamed.x", *(f"as_{suffix[1:]}" for suffix in CONTAINERS if suffix != ".3gp")]
        )
        durations = dict(zip(cache.clip_ids, cache.clip_table("clips/duration"), strict=True))
    assert len(list(folder.iterdir())) == len(durations) + len(run["failures"]) + run["no_media"]["files"]
    assert {clip_id: s for clip_id, s in durations.items() if abs(s - 1.0) > 0.1} == {}


def test_a_folder_whose_own_name_is_not_utf8_is_one_like_any_other(emi, tmp_path, voice, write_media) -> None:
    root = os.fsencode(tmp_path) + b"/r\xe9"
    for name in ("a.wav", "b.mp3", "sub/c.mp4"):
        write_media(tmp_path / "r" / "m" / name, voice())
    os.rename(tmp_path / "r", root)
    with open(root + b"/m.csv", "w") as table:
        table.write("clip_id,path,mood\nd,m/a.wav,3\ngone,m/gone.wav,3\n")
    with open(root + b"/m/broken.wav", "wb") as file:
        file.write(b"no sound")
    for source, failed in ((b"/m", "broken"), (b"/m.csv", "gone")):
        out = [root + source, "--out", root + b"/c"]
        code, said = emi("plan", *out)
        assert code == 3, said
        code, said = emi("run", *out, "--log-file", root + b"/x.log", "--json")
        assert (code, [failure["clip_id"] for failure in json.loads(said)["failures"]]) == (3, [failed])
        assert emi("run", *out)[0] == 3
    with CacheReader(os.fsdecode(root + b"/c")) as cache:
        assert sorted(cache.clip_ids) == ["a", "b", "d", "sub/c"]
