"""As an unprivileged user: no right to write or read is one clear line, never a traceback."""

from __future__ import annotations

import os
import shutil
import sys
import traceback
import zoneinfo  # noqa: F401 - click wants it
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

# The children may not even read the interpreter's files: all they need is imported here.
import cache.__main__
import cache.tools.info
import extract.__main__
import extract.audio.decoders.ffmpeg
import extract.audio.decoders.libsndfile
import extract.encoders.speech.transformer
import extract.encoders.wav2vec2
import train.__main__
import train.fitting.fit
from extract.demo.tiny_encoder import save_tiny_encoder
from extract.encoders.base import EncoderOptions
from extract.options import ExtractOptions
from extract.run.extract import extract as run_extract

NOBODY = 65_534
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


@pytest.fixture
def folder(tmp_path: Path, voice, write_media) -> Iterator[Path]:
    """A corpus that everybody may read, and a folder that only its owner may write."""
    write_media(tmp_path / "clips" / "1.wav", voice(0.5))
    write_media(tmp_path / "clips" / "2.wav", voice(0.5))
    save_tiny_encoder(tmp_path / "encoder")
    (tmp_path / "locked").mkdir()
    opened = [parent for parent in (tmp_path, *tmp_path.parents) if parent.stat().st_mode & 0o055 != 0o055]
    modes = {parent: parent.stat().st_mode for parent in opened}
    for parent in opened:
        parent.chmod(0o755)
    (tmp_path / "locked").chmod(0o555)
    yield tmp_path
    (tmp_path / "locked").chmod(0o755)
    for parent, mode in modes.items():
        parent.chmod(mode)


def as_nobody(main: Callable[[], None], log: Path, *arguments: object) -> tuple[int, str]:
    """Run a command line in a child without rights; everything it needs is loaded before."""
    log.touch()
    log.chmod(0o666)
    pid = os.fork()
    if pid == 0:  # pragma: no cover - the child
        with log.open("w") as stderr:
            os.dup2(stderr.fileno(), 2)
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            sys.argv[1:] = [str(argument) for argument in arguments]
            sys.stderr = stderr
            code = 70
            try:
                main()
                code = 0
            except SystemExit as stop:
                code = int(stop.code or 0)
            except BaseException:
                traceback.print_exc(file=stderr)
            finally:
                stderr.flush()
                os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), log.read_text()


def run_arguments(folder: Path, out: Path) -> list[object]:
    return ["run", folder / "clips", "--out", out, "--model", folder / "encoder", "--device", "cpu", "--json"]


def extracted(folder: Path, out: Path) -> None:
    options = ExtractOptions(EncoderOptions(str(folder / "encoder"), device="cpu"))
    assert run_extract(folder / "clips", out, options).extracted == 2


def test_extract_into_a_folder_that_cannot_be_written(folder: Path) -> None:
    code, error = as_nobody(
        extract.__main__.main, folder / "log", *run_arguments(folder, folder / "locked" / "c")
    )
    assert (code, "Permission denied; no permission" in error) == (1, True), error
    assert len(error.strip().splitlines()) == 1
    assert not list((folder / "locked").iterdir())


def test_fit_into_a_folder_that_cannot_be_written(folder: Path, monkeypatch) -> None:
    extracted(folder, folder / "c")
    for split, clip in (("train", 1), ("valid", 2)):
        (folder / f"{split}_split.csv").write_text(f"clip_id,Joy\n{clip},0.5\n")
    options = ["--labels", folder, "--select", "last", "--device", "cpu", "--epochs", 1]
    arguments = ["fit", folder / "c", *options, "--out"]
    monkeypatch.setattr(sys, "argv", ["emi-train", *map(str, arguments), str(folder / "run")])
    with pytest.raises(SystemExit, match="0"):  # loads what the child may not read
        train.__main__.main()
    code, error = as_nobody(train.__main__.main, folder / "log", *arguments, folder / "locked" / "run")
    assert code == 1, error
    assert "Permission denied" in error
    assert "Traceback" not in error


def test_a_cache_that_cannot_be_read(folder: Path) -> None:
    extracted(folder, folder / "c")
    (folder / "c" / "cache.json").chmod(0o600)
    code, error = as_nobody(cache.__main__.main, folder / "log", "info", folder / "c")
    assert code == (1 if os.geteuid() == 0 else 0), error
    assert "Traceback" not in error


@pytest.mark.skipif(shutil.which("true") is None, reason="POSIX only")
def test_a_clip_that_cannot_be_read_is_listed(folder: Path) -> None:
    (folder / "clips" / "2.wav").chmod(0o200)
    (folder / "open").mkdir(mode=0o777)
    (folder / "open").chmod(0o777)
    arguments = run_arguments(folder, folder / "open" / "c")
    code, error = as_nobody(extract.__main__.main, folder / "log", *arguments)
    assert code == 3, error
    ledger = next((folder / "open" / "c" / "failures").iterdir()).read_text()
    assert "unreadable" in ledger
    assert "ermission" in ledger
