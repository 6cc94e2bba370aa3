"""Caches of other features, without VAD or layers: every command does what it can, and says what it cannot."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from cache import CacheReader, CacheWriter, ClipFeatures, CompactOptions, compact
from cache.format.schema import FrameField
from train import fit
from train.errors import ConfigError
from train.features.inputs import choose_inputs, require_inputs
from train.studies.grid import component_rows, read_grid

SMALL = ["--seeds", 1, "--epochs", 1, "--hidden", 3, "--workers", 1]


@pytest.fixture(scope="module")
def logmel(corpus, tmp_path_factory):
    """A cache of one field that is neither a layer nor VAD."""
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("logmel") / "cache"
    writer = CacheWriter.open(path, {"model": "logmel"}, [FrameField("logmel", 4)])
    clips = []
    for clip_id in list(corpus.truth)[:90]:
        frames = {"logmel": rng.standard_normal((int(rng.integers(1, 9)), 4)).astype(np.float32)}
        means = {"logmel": frames["logmel"].mean(0)}
        clips.append(ClipFeatures(clip_id, frames, means, 400, -20.0, f"{clip_id:0>64}", clip={}))
    writer.commit(clips)
    return path


def test_baselines_leave_vad_out_and_say_so(cli, corpus, logmel, tmp_path):
    args = ["baseline", logmel, "--labels", corpus.labels, "--out", tmp_path / "out", "--json"]
    code, out, err = cli(*args)
    assert code == 0, err
    found = json.loads(out)
    names = [row["name"] for row in found["rows"]]
    assert names == [
        "constant",
        "duration + loudness",
        *(
            f"{columns}, {model}"
            for columns in ("global mean", "frame statistics")
            for model in ("ridge", "SVR")
        ),
    ]
    for told in (err, found["caption"].lower()):
        assert "no vad in this cache, the baseline of it is left out" in told


def test_components_are_the_six_sets_without_vad(cli, corpus, logmel, tmp_path):
    args = ["ablate", logmel, "--labels", corpus.labels, "--out", tmp_path / "out", "--json", *SMALL]
    code, out, err = cli(*args)
    assert code == 0, err
    rows = json.loads(out)["rows"]
    assert "no vad in this cache, the 6 sets of parts without it are fitted" in err
    assert [row["config"]["vad"] for row in rows if "vad" in row["config"]] == [False] * 6
    assert [row["name"] for row in rows if row["name"].startswith("baseline")][-1] == (
        "baseline: frame statistics, SVR"
    )


def test_each_cache_gets_the_sets_that_it_can_have(small):
    rows = read_grid("components", small, ["full", "logmel"], ["logmel"])
    assert [row.cache for row in rows].count("full") == 12
    assert [row.config for row in rows if row.cache == "logmel"] == [
        row.config for row in component_rows(small, "full", vad=False)
    ]


def test_the_baselines_are_those_of_the_reference_and_never_fail_after_the_fits(
    cli, corpus, logmel, tmp_path
):
    grid = tmp_path / "grid.toml"
    grid.write_text('[[rows]]\nname = "layer"\ncache = "cache"\nlayer = 1\nlstm = false\n')
    other = logmel.rename(tmp_path / "logmel")
    try:
        args = ["ablate", other, corpus.cache, "--labels", corpus.labels, "--out", tmp_path / "out", "--json"]
        code, out, err = cli(*args, *SMALL, "--grid", grid)
        assert code == 0, err
        assert "baseline: VAD, ridge" in [row["name"] for row in json.loads(out)["rows"]]
    finally:
        other.rename(logmel)


def test_a_grid_file_without_vad_names_the_way_out(cli, corpus, logmel, tmp_path):
    grid = tmp_path / "grid.toml"
    grid.write_text('[[rows]]\nname = "one"\n')
    args = ["ablate", logmel, "--labels", corpus.labels, "--out", tmp_path / "out", *SMALL, "--grid", grid]
    code, _, err = cli(*args)
    assert (code, "grid file: vad = false" in err.splitlines()[-1]) == (1, True)
    grid.write_text('[[rows]]\nname = "one"\nvad = false\n')
    assert cli(*args)[0] == 0


def test_fidelity_trains_without_vad_and_says_so(cli, corpus, splits, logmel, tmp_path):
    small = tmp_path / "small"
    options = CompactOptions(pool=2, project=3, dtype="float16")
    compact(logmel, small, options, fit_on=list(splits.train.clip_ids))
    args = ["fidelity", logmel, small, "--labels", corpus.labels, "--out", tmp_path / "out", *SMALL]
    code, out, err = cli(*args)
    assert code == 0, err
    assert "no vad in this cache, both heads are fitted without it" in err
    assert "difference (compact − full)" in out


@pytest.mark.parametrize("command", ["ablate", "baseline", "fidelity"])
def test_too_small_a_coverage_can_be_accepted(command, cli, corpus, make_cache, splits, tmp_path):
    half = {clip: corpus.truth[clip] for clip in (*splits.train.clip_ids[:30], *splits.valid.clip_ids[:20])}
    caches = [make_cache(tmp_path / "half", half)]
    if command == "fidelity":
        caches.append(tmp_path / "small")
        compact(caches[0], caches[1], CompactOptions(pool=2, project=3, dtype="float16"))
    args = [command, *caches, "--labels", corpus.labels, "--out", tmp_path / "out"]
    args += [] if command == "baseline" else SMALL
    code, _, err = cli(*args)
    assert (code, "accept it with --min-coverage" in err) == (1, True)
    code, _, err = cli(*args, "--min-coverage", 0.4)
    assert code == 0, err


def test_a_head_says_what_it_needs_of_a_cache(cli, run, corpus, logmel, splits, small, quiet, tmp_path):
    options = ["--out", tmp_path / "p.csv", "--allow-recipe-diff"]
    code, _, err = cli("predict", run.path, logmel, *options)
    assert (code, len(err.splitlines()), "--layer" in err) == (1, 1, False)
    assert "needs hidden_states/2 and vad of its encoder, the cache has logmel" in err
    own = fit(logmel, splits, replace(small, vad=False, epochs=1), tmp_path / "run", progress=quiet)
    code, _, err = cli("predict", own.path, corpus.cache, *options)
    assert (code, "hidden_states/2 are 8 channels, the head of" in err) == (1, True)


def test_a_cache_that_cannot_confirm_is_refused_before_the_fits(cli, corpus, logmel, tmp_path):
    args = ["ablate", corpus.cache, "--labels", corpus.labels, "--out", tmp_path / "out", *SMALL]
    code, _, err = cli(*args, "--confirm", logmel)
    assert (code, "no vad in this cache" in err.splitlines()[-1]) == (1, True)
    assert not (tmp_path / "out").exists()
    assert cli(*args, "--confirm", tmp_path / "nowhere")[0] == 1
    assert not (tmp_path / "out").exists()


def test_all_layers_come_first_where_they_are_weighted(corpus):
    with CacheReader(corpus.cache) as reader:
        found = choose_inputs(reader, "weighted", vad=True)
        assert found.fields == ("hidden_states/1", "hidden_states/2", "vad")
        assert (found.layer, found.width, found.head_width) == ((1, 2), 19, 11)
        one = choose_inputs(reader, None, vad=True)
        assert (one.layer, one.width, one.head_width) == (2, 11, 11)
        require_inputs(reader, (1, 2), True, 19, corpus.cache)
        for layers in ((1, 2, 3), (2,)):  # one is missing; there is one more than the head knows
            with pytest.raises(
                ConfigError, match="of its encoder, the cache has hidden_states/1, hidden_states/2"
            ):
                require_inputs(reader, layers, True, 19, corpus.cache)


def test_nothing_is_weighed_without_layers(corpus, logmel):
    with CacheReader(logmel) as reader:
        assert choose_inputs(reader, None, vad=False).layer is None
        with pytest.raises(
            ConfigError, match="layer weighted weighs encoder layers of one width, found none; leave"
        ):
            choose_inputs(reader, "weighted", vad=False)


def test_times_of_tokens_are_never_a_feature(tmp_path):
    writer = CacheWriter.open(tmp_path, {"model": "words"}, [FrameField("words", 4), FrameField("times", 2)])
    frames = {"words": np.ones((3, 4), np.float32), "times": np.zeros((3, 2), np.float32)}
    means = {name: values.mean(0) for name, values in frames.items()}
    writer.commit([ClipFeatures("a", frames, means, 400, -20.0, "0" * 64, clip={})])
    with CacheReader(tmp_path) as reader:
        assert choose_inputs(reader, None, vad=False).fields == ("words",)
