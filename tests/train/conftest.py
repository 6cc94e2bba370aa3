"""A small corpus with a real cache: intensities steer level and drift of the frames, speakers add a colour."""

from __future__ import annotations

import base64
import csv
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from cache import CacheWriter, ClipFeatures, CompactOptions, compact
from cache.common.progress import Progress
from cache.format.schema import VAD_DIMS, FrameField
from train import FitConfig, Run, Splits, fit, read_splits
from train.labels.folds import Folding
from train.labels.label_files import LabelFiles
from train.labels.read_tables import read_all_labels, read_files
from train.runs import plots
from train.studies.ablation import ablate
from train.studies.cross_validation import fit_folds
from train.studies.ensemble import fit_seeds
from train.studies.grid import component_rows
from train.studies.options import RepeatOptions, StudyOptions
from train.studies.study import RowResult, Study

NAMES = ("Admiration", "Amusement", "Empathic Pain")
WIDTH = 8
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg=="
)
RECIPE = {"format_version": 1, "model": "toy", "layers": [1, 2], "stored_dtype": "float16"}


@dataclass(frozen=True)
class Corpus:
    """Folders of a cache and its labels, and what the labels say."""

    cache: Path
    labels: Path
    truth: dict[str, np.ndarray]
    speakers: dict[str, str]


def clip_features(clip_id: str, labels: np.ndarray, rng: np.random.Generator) -> ClipFeatures:
    """Make a clip whose frames depend on its labels: by level, and by drift over the clip."""
    length = int(rng.integers(4, 40))
    time = np.linspace(-1, 1, length)[:, None]
    level = np.tile(labels, 3)[:WIDTH] - 0.5
    hidden = level + time * level[::-1] + 0.1 * rng.standard_normal((length, WIDTH))
    # Centred: features of one sign carry the labels' mean, and an unfinished head then follows them
    # even when it is trained on permuted labels.
    vad = labels[:3] - 0.5 + 0.1 * rng.standard_normal((length, 3))
    frames = {
        "hidden_states/1": rng.standard_normal((length, WIDTH)).astype(np.float32),
        "hidden_states/2": hidden.astype(np.float32),
        "vad": vad.astype(np.float32),
    }
    return ClipFeatures(
        clip_id=clip_id,
        frames=frames,
        global_mean={name: values.mean(0) for name, values in frames.items()},
        num_samples=400 + 320 * (length - 1),
        rms_db=-20.0,
        audio_sha256=f"{clip_id:0>64}",
        clip={"vad": frames["vad"].mean(0)},
        source=f"{clip_id}.wav",
    )


def write_table(path: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> Path:
    """Write a CSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


@pytest.fixture(autouse=True)
def quick_pictures(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write pictures of one pixel, which take no time, but where a test is about what they show."""
    if request.node.get_closest_marker("pictures") is None:
        monkeypatch.setattr(plots, "_write_png", lambda _figure, path: Path(path).write_bytes(PIXEL))


@pytest.fixture(scope="session")
def table() -> Callable[..., Path]:
    return write_table


@pytest.fixture(scope="session")
def make_cache() -> Callable[..., Path]:
    """Write a cache of ``truth`` (clip id → labels)."""

    def make(
        path: Path,
        truth: dict[str, np.ndarray],
        recipe: dict[str, object] | None = None,
        changed: Callable[[ClipFeatures], ClipFeatures] = lambda clip: clip,
    ) -> Path:
        rng = np.random.default_rng(7)
        fields = [
            FrameField("hidden_states/1", WIDTH, np.dtype(np.float16)),
            FrameField("hidden_states/2", WIDTH, np.dtype(np.float16)),
            FrameField("vad", 3, np.dtype(np.float32), dims=VAD_DIMS),
        ]
        writer = CacheWriter.open(path, recipe or RECIPE, fields)
        clips = [changed(clip_features(clip_id, labels, rng)) for clip_id, labels in truth.items()]
        for start in range(0, len(clips), 30):
            writer.commit(clips[start : start + 30])
        return path

    return make


def text_features(clip_id: str, labels: np.ndarray, rng: np.random.Generator) -> ClipFeatures:
    """Make a clip of a text stream: few frames, another width, no layers, no VAD."""
    words = labels[::-1] - 0.5 + 0.2 * rng.standard_normal((int(rng.integers(1, 6)), len(labels)))
    frames = {"words": np.hstack([words, rng.standard_normal((len(words), 2))]).astype(np.float32)}
    return ClipFeatures(
        clip_id=clip_id,
        frames=frames,
        global_mean={"words": frames["words"].mean(0)},
        num_samples=16000,
        rms_db=-20.0,
        audio_sha256=f"{clip_id:1>64}",
        clip={},
        source=f"{clip_id}.txt",
    )


@pytest.fixture(scope="session")
def make_text() -> Callable[..., Path]:
    """Write a cache of a text stream of ``truth``, without the clips it is to lack."""

    def make(path: Path, truth: dict[str, np.ndarray], lacking: Sequence[str] = ()) -> Path:
        rng = np.random.default_rng(11)
        fields = [FrameField("words", len(NAMES) + 2, np.dtype(np.float16), frame_shift=0.5)]
        recipe = {"format_version": 1, "model": "words", "stored_dtype": {"words": "float16"}}
        writer = CacheWriter.open(path, recipe, fields)
        made = [text_features(clip_id, labels, rng) for clip_id, labels in truth.items()]
        writer.commit([clip for clip in made if clip.clip_id not in lacking])
        return path

    return make


@pytest.fixture(scope="session")
def pair(
    corpus: Corpus, make_text: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """Two streams of the corpus; the text lacks every seventh clip."""
    lacking = [clip for clip in corpus.truth if int(clip) % 7 == 0]
    return {
        "audio": corpus.cache,
        "text": make_text(tmp_path_factory.mktemp("text") / "cache", corpus.truth, lacking),
    }


@pytest.fixture(scope="session")
def pair_run(
    pair: dict[str, Path],
    splits: Splits,
    small: FitConfig,
    quiet: Progress,
    tmp_path_factory: pytest.TempPathFactory,
) -> Run:
    """A finished run of two streams."""
    config = replace(small, standardise="train", streams={"text": {"temporal": "attention"}})
    return fit(pair, splits, config, tmp_path_factory.mktemp("pair") / "run", progress=quiet)


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory, make_cache: Callable[..., Path]) -> Corpus:
    """60 training clips of 10 speakers, 30 validation clips of 5 others, 5 clips without a label."""
    root = tmp_path_factory.mktemp("corpus")
    rng = np.random.default_rng(1)
    ids = [f"{index:05d}" for index in range(95)]
    truth = {clip_id: rng.uniform(0, 1, len(NAMES)) for clip_id in ids}
    speakers = {clip_id: f"s{index // 6:02d}" for index, clip_id in enumerate(ids[:90])}
    labels = root / "labels"
    labels.mkdir()
    for name, part in (("train", ids[:60]), ("valid", ids[60:90])):
        rows = [[clip_id, *truth[clip_id], speakers[clip_id]] for clip_id in part]
        write_table(labels / f"{name}_split.csv", ["Filename", *NAMES, "speaker"], rows)
    return Corpus(make_cache(root / "cache", truth), labels, truth, speakers)


@pytest.fixture(scope="session")
def splits(corpus: Corpus) -> Splits:
    return read_splits(labels=corpus.labels)


@pytest.fixture(scope="session")
def small() -> FitConfig:
    return FitConfig(hidden=6, epochs=4, batch_size=8, lr=5e-3)


@pytest.fixture(scope="session")
def quiet() -> Iterator[Progress]:
    """Progress that nobody reads."""
    with open(os.devnull, "w") as nowhere:
        yield Progress(nowhere)


@pytest.fixture(scope="session")
def run(
    corpus: Corpus,
    splits: Splits,
    small: FitConfig,
    quiet: Progress,
    tmp_path_factory: pytest.TempPathFactory,
) -> Run:
    """A finished run with the default switches."""
    return fit(corpus.cache, splits, small, tmp_path_factory.mktemp("run") / "run", progress=quiet)


@pytest.fixture(scope="session")
def study(corpus: Corpus, splits: Splits, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """The 12 sets of the method's parts, two seeds each."""
    rows = component_rows(FitConfig(hidden=6, epochs=3, batch_size=8, lr=5e-3), "cache")
    options = StudyOptions(tmp_path_factory.mktemp("ablation") / "out", range(2), workers=2)
    return ablate({"cache": corpus.cache}, splits, rows, options)


@pytest.fixture
def study_of(tmp_path: Path) -> Callable[..., Study]:
    """Make a study of predictions that are in memory: name of each row → (seeds, clips, targets)."""

    def make(
        truth: np.ndarray,
        rows: dict[str, np.ndarray],
        metric: str = "pearson",
        speakers: Sequence[str | None] | None = None,
    ) -> Study:
        runs = {name: tuple(f"{name}/{seed}" for seed in range(len(rows[name]))) for name in rows}
        return Study(
            path=tmp_path,
            rows=tuple(RowResult(name, {"lr": 1e-3}, "cache", 5, 0.5, runs[name]) for name in rows),
            reference=next(iter(rows)),
            metric=metric,
            caption="A study.",
            selected_on="inner",
            names=tuple("abcdef"[: truth.shape[1]]),
            clip_ids=tuple(f"{clip:03}" for clip in range(len(truth))),
            truth=truth,
            speakers=tuple(speakers or [None] * len(truth)),
            loaded={run: rows[name][seed] for name in rows for seed, run in enumerate(runs[name])},
        )

    return make


@pytest.fixture(scope="session")
def as_older() -> Callable[[Path], Path]:
    """Take the checksums out of a run or study, and of all below it, as older versions wrote none."""

    def make(folder: Path) -> Path:
        for path in folder.rglob("checksums.json"):
            path.unlink()
        for name in ("results.json", "ensemble.json", "folds.json"):
            for path in folder.rglob(name):
                values = json.loads(path.read_text())
                path.write_text(json.dumps({k: v for k, v in values.items() if k not in ("sha256", "files")}))
        return folder

    return make


@pytest.fixture(scope="session")
def small_cache(corpus, splits, tmp_path_factory):
    out = tmp_path_factory.mktemp("compact") / "cache"
    compact(
        corpus.cache, out, CompactOptions(pool=2, project=7, dtype="int8"), fit_on=list(splits.train.clip_ids)
    )
    return out


@pytest.fixture(scope="session")
def compact_run(small_cache, splits, small, quiet, tmp_path_factory):
    return fit(small_cache, splits, small, tmp_path_factory.mktemp("compact-run") / "run", progress=quiet)


@pytest.fixture(scope="session")
def kept(cli_run, corpus, tmp_path_factory):
    """A run from the command line, which knows where its labels are."""
    out = tmp_path_factory.mktemp("kept") / "run"
    cli_run(corpus, out)
    return out


@pytest.fixture(scope="session")
def folded(corpus, small, tmp_path_factory):
    """The folder of a cross-validation of three folds by speaker, made the way the command line does."""
    out, files = tmp_path_factory.mktemp("folded") / "folds", LabelFiles(labels=corpus.labels)
    options = RepeatOptions(out, files=files)
    fit_folds(corpus.cache, read_all_labels(files), replace(small, epochs=2), Folding(3, "speaker"), options)
    return out


@pytest.fixture(scope="session")
def ensembled(corpus, small, tmp_path_factory):
    """The folder of an ensemble of two seeds, made the way the command line does."""
    out, files = tmp_path_factory.mktemp("ensembled") / "both", LabelFiles(labels=corpus.labels)
    fit_seeds(corpus.cache, read_files(files), replace(small, epochs=2), 2, RepeatOptions(out))
    return out


@pytest.fixture(scope="session")
def cli_run(small, quiet):
    def make(corpus, out):
        files = LabelFiles(labels=corpus.labels)
        return fit(
            corpus.cache,
            read_files(files),
            replace(small, epochs=2),
            out,
            progress=quiet,
        )

    return make


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def cli(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Call ``emi-train`` with arguments; gives exit code, stdout and stderr."""
    from train.__main__ import main

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["emi-train", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as exit_info:
            main()
        out, err = capsys.readouterr()
        return int(exit_info.value.code or 0), out, err

    return call
