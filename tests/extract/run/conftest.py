"""Runs of the command line in a process of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

SHARD_MB = 0.02  # a few clips


@pytest.fixture(scope="session")
def start_run(root: Path) -> Callable[..., subprocess.Popen[str]]:
    """Start ``emi-extract run`` on the CPU; ``code`` comes first."""

    def start(clips: Path, out: Path, model: str, *more: str, code: str = "") -> subprocess.Popen[str]:
        env = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
        arguments = ["run", str(clips), "--out", str(out), "--model", model, "--device", "cpu"]
        arguments += ["--shard-mb", str(SHARD_MB), *more]
        program = (
            f"import sys; {code}\nfrom extract.__main__ import main; sys.argv[1:] = {arguments!r}; main()"
        )
        return subprocess.Popen(
            [sys.executable, "-c", program],
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


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
