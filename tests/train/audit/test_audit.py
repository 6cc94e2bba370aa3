"""The audit names every leak of a corpus made to leak, and says what it could not check."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cache import CacheReader
from cache.commit.failures import Failure, FailureLedger
from cache.compaction.compact import compact
from cache.compaction.options import CompactOptions
from train import read_splits
from train.audit.audit import audit
from train.audit.checks import Audit
from train.errors import AuditError
from train.labels.coverage import opened

NAMES = ["Joy", "Fear"]


@pytest.fixture(scope="module")
def narrow_fields():
    """The toy cache's 8 channels count as wide enough for a projection."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cache.compaction.fields.NARROW", 4)
        yield


@pytest.fixture(scope="module")
def leaky(tmp_path_factory, make_cache, table, narrow_fields):
    """40 + 20 clips: one speaker in both, one sound twice, mp3 and loud in valid, a PCA fitted on all."""
    root = tmp_path_factory.mktemp("leaky")
    ids = [f"{index:03d}" for index in range(60)]
    rng = np.random.default_rng(0)
    truth = {clip_id: rng.random(3) for clip_id in ids}

    def changed(clip):
        valid = int(clip.clip_id) >= 40
        source = f"{clip.clip_id}.{'mp3' if valid else 'wav'}"
        sound = "same" if clip.clip_id in ("007", "045") else clip.clip_id
        level = -120.0 if clip.clip_id in ("001", "041") else -10.0 + rng.normal() if valid else -30.0
        if level == -120.0:
            sound = "silence"
        return replace(clip, source=source, audio_sha256=sound, rms_db=level)

    full = make_cache(root / "full", truth, changed=changed)
    cache = compact(full, root / "cache", CompactOptions(project=4)).path  # fitted on every clip
    for name, part in (("train", ids[:40]), ("valid", ids[40:])):
        people = [f"s{'00' if clip_id == '050' else clip_id[:2]}" for clip_id in part]
        rows = [[clip_id, *truth[clip_id][:2], who] for clip_id, who in zip(part, people, strict=True)]
        if name == "valid":
            rows += [["v1", 0, 0, "s99"], ["v2", 0, 0, "s99"]]
        table(root / f"{name}_split.csv", ["Filename", *NAMES, "speaker"], rows)
    FailureLedger(cache).add(Failure("v1", "v1.mp3", "decode", "damaged", "stops after 1 s"))
    return cache, root


def found(cache, splits):
    with CacheReader(cache) as reader:
        result = audit(reader, {"train": splits.train, "valid": splits.valid})
    return result, {check.name: check for check in result.checks}


def test_every_leak_is_named(leaky, tmp_path):
    cache, labels = leaky
    result, checks = found(cache, read_splits(labels=labels))
    speakers = checks["speakers, train and valid"]
    assert speakers.outcome == "failed"
    assert "1 in both (s00), with 1 of the valid clips" in speakers.detail
    audio = checks["identical audio, train and valid"]
    assert audio.outcome == "failed"
    assert "1 valid clip with the sound of one of train: 007 = 045; 2 silent clips left out" in audio.detail
    fitted = checks["fitted outside train"]
    assert fitted.outcome == "failed"
    assert "fitted on 20 clips outside train: 040, 041" in fitted.detail
    assert checks["container, train and valid"].outcome == "failed"
    assert "100% .wav against 100% .mp3" in checks["container, train and valid"].detail
    assert checks["loudness [dB], train and valid"].outcome == "failed"
    assert checks["duration [s], train and valid"].outcome == "passed"
    coverage = checks["coverage, valid"]
    assert coverage.outcome == "failed"
    assert "2 of 22 missing (1 damaged, 1 not extracted): v1, v2" in coverage.detail
    assert checks["coverage, train"].outcome == "passed"
    assert checks["the encoder's own training data"].outcome == "not checked"
    result.save(tmp_path)
    assert Audit.load(tmp_path) == result
    assert Audit.load(tmp_path / "nowhere") is None
    assert result.text().count("failed ") == len(result.failed) == 6
    with pytest.raises(AuditError, match="6 of 10 audit checks failed: speakers, train and valid: 1 in both"):
        result.require()


def test_a_clean_corpus_passes_and_unknown_speakers_are_not_checked(corpus, splits, table, tmp_path):
    result, checks = found(corpus.cache, splits)
    assert not result.failed
    assert checks["speakers, train and valid"].detail == "none of 10 and 5 in both"
    assert checks["fitted outside train"].outcome == "passed"
    result.require()
    rows = [[clip_id, *values] for clip_id, values in corpus.truth.items()]
    header = ["Filename", "a", "b", "c"]
    parts = [table(tmp_path / f"{i}.csv", header, rows[i * 30 : i * 30 + 30]) for i in (0, 1)]
    unknown = found(corpus.cache, read_splits(*parts))[1]["speakers, train and valid"]
    assert unknown.outcome == "not checked"
    assert "speakers unknown in train and valid; give them with --speakers" in unknown.detail
    one = [[clip_id, "x"] for clip_id in list(corpus.truth)[:29]] + [[list(corpus.truth)[31], "y"]]
    some = table(tmp_path / "s.csv", ["clip_id", "speaker"], one)
    partly = found(corpus.cache, read_splits(*parts, speakers=some))[1]["speakers, train and valid"]
    assert partly.outcome == "not checked"
    assert "30 clips without a known speaker" in partly.detail


def test_a_projection_fitted_on_train_passes_and_so_does_pooling(leaky, tmp_path):
    cache, labels = leaky
    splits = read_splits(labels=labels)
    full = cache.with_name("full")
    fitted = compact(full, tmp_path / "a", CompactOptions(project=4), fit_on=splits.train.clip_ids).path
    check = found(fitted, splits)[1]["fitted outside train"]
    assert (check.outcome, check.detail) == ("passed", "the projection was fitted on 40 clips, all of train")
    pooled = compact(full, tmp_path / "b", CompactOptions(project=0)).path
    assert found(pooled, splits)[1]["fitted outside train"].outcome == "passed"


@pytest.mark.parametrize("missing", ["token", "drop"])
def test_a_projection_of_one_stream_alone_is_named_and_one_fitted_on_train_is_not(
    missing, leaky, make_text, tmp_path
):
    cache, labels = leaky
    splits = read_splits(labels=labels)
    learned = CompactOptions(project=4)
    streams = {
        "bad": cache,
        "good": compact(cache.with_name("full"), tmp_path / "a", learned, fit_on=splits.train.clip_ids).path,
        "text": make_text(
            tmp_path / "text",
            dict.fromkeys(map("{:03}".format, range(60)), np.ones(3)),
            lacking=["000", "041"],
        ),
    }
    with opened(streams, missing) as reader:
        checks = audit(reader, {"train": splits.train, "valid": splits.valid}).checks
    told = {check.name: check for check in checks if check.name.endswith("fitted outside train")}
    assert told["bad: fitted outside train"].outcome == "failed"
    assert "fitted on 20 clips outside train: 040, 041" in told["bad: fitted outside train"].detail
    assert told["good: fitted outside train"].outcome == "passed", told["good: fitted outside train"].detail
    assert told["text: fitted outside train"].outcome == "passed"
