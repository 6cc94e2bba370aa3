"""Imported features are in the cache bit for bit; what cannot be taken is listed, and nothing is invented."""

from __future__ import annotations

import hashlib
import json
import pickle

import h5py
import numpy as np
import pytest
import torch

from cache import CacheReader, compact, diff, export, merge, repair, verify
from cache.common.errors import RecipeMismatchError
from cache.compaction.options import CompactOptions
from cache.imports.options import ImportOptions
from cache.imports.write import import_features
from cache.tools.info import info
from cache.tools.repair import as_text

SHIFT = ImportOptions(frame_shift=0.02)


def as_npy(path, clips):
    for name, array in clips.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        np.save(path / f"{name}.npy", array)


def as_npz(path, clips):
    np.savez(path / "a.npz", **clips)


def as_pickle(path, clips):
    (path / "a.pkl").write_bytes(pickle.dumps(clips))


def as_torch(path, clips):
    torch.save({name: torch.from_numpy(array) for name, array in clips.items()}, path / "a.pt")


def as_torch_files(path, clips):
    for number, (name, array) in enumerate(clips.items()):
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        values = torch.from_numpy(array)
        torch.save(values if number % 2 else {"features": values}, path / f"{name}.pt")


def as_hdf5(path, clips):
    with h5py.File(path / "a.h5", "w") as file:
        for name, array in clips.items():
            file[name] = array


def as_csv(path, clips):
    rows = [
        f"{name},{','.join(map(repr, row.tolist()))}"
        for name, array in clips.items()
        for row in array.astype(float)
    ]
    (path / "a.csv").write_text("\n".join(["clip_id,a,b,c,d,e,f", *rows]), encoding="utf-8")


WRITERS = (as_npy, as_npz, as_pickle, as_torch, as_torch_files, as_hdf5, as_csv)


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("backend", ["hdf5", "zarr"])
def test_every_layout_becomes_the_same_cache(tmp_path, clips, same_clips, writer, backend) -> None:
    source = tmp_path / "source"
    source.mkdir()
    writer(source, clips)
    options = ImportOptions(frame_shift=0.02, backend=backend)
    done = import_features([source], tmp_path / "cache", options)
    assert (done.clips, done.added, done.failures) == (len(clips), len(clips), ())
    same_clips(tmp_path / "cache", clips)
    assert verify(tmp_path / "cache").findings == ()


def test_layers_are_fields_of_their_own(tmp_path) -> None:
    array = np.random.default_rng(0).normal(size=(3, 5, 4)).astype("f2")
    np.save(tmp_path / "a.npy", array)
    import_features([tmp_path / "a.npy"], tmp_path / "c", ImportOptions(frame_shift=0.02, layer="6-8"))
    with CacheReader(tmp_path / "c") as reader:
        assert list(reader.frame_fields) == ["hidden_states/6", "hidden_states/7", "hidden_states/8"]
        np.testing.assert_array_equal(reader["a"].frames["hidden_states/8"], array[2])


def test_what_a_clip_says_of_itself(tmp_path) -> None:
    array = np.ones((5, 4), "f4")
    np.save(tmp_path / "a.npy", array)
    np.save(tmp_path / "b.npy", array)
    import_features([tmp_path], tmp_path / "c", SHIFT)
    with CacheReader(tmp_path / "c") as reader:
        clip = reader["a"].clip
        assert clip["num_samples"] == 5 * 320
        assert clip["source"] == "a.npy"
        assert not clip["silent"]
        assert clip["audio_sha256"] == "features:" + hashlib.sha256(array.tobytes()).hexdigest()
        assert reader["b"].clip["audio_sha256"] == clip["audio_sha256"]  # the audit sees clips that are alike


def test_values_that_must_not_enter_are_listed(tmp_path) -> None:
    arrays = {
        "good": np.ones((2, 3)),
        "nan": np.array([[1, np.nan, 1]]),
        "inf": np.array([[1, np.inf, 1]]),
        "large": np.array([[1, 1e300, 1]]),
    }
    as_npy(tmp_path, arrays)
    done = import_features([tmp_path], tmp_path / "c", SHIFT)
    reasons = {failure.clip_id: failure.reason for failure in done.failures}
    assert reasons == {"nan": "non_finite", "inf": "non_finite", "large": "overflow"}
    assert (done.clips, done.added) == (1, 1)
    np.save(tmp_path / "nan.npy", np.zeros((1, 3)))
    again = import_features([tmp_path], tmp_path / "c", SHIFT)
    assert (again.clips, again.added) == (2, 1)
    assert info(tmp_path / "c")["failures"] == {"non_finite": 1, "overflow": 1}


def test_float16_that_does_not_hold_a_number_is_listed(tmp_path) -> None:
    as_npy(tmp_path, {"a": np.full((2, 3), 70_000.0), "b": np.ones((2, 3))})
    done = import_features([tmp_path], tmp_path / "c", ImportOptions(frame_shift=0.02, dtype="float16"))
    assert [(f.clip_id, f.reason) for f in done.failures] == [("a", "overflow")]


@pytest.mark.parametrize("dtype", ["i8", "?", ">f4", "f8"])
def test_other_numbers_become_float32(tmp_path, dtype) -> None:
    array = (np.arange(12).reshape(4, 3) % 5).astype(dtype)
    np.save(tmp_path / "a.npy", array)
    import_features([tmp_path / "a.npy"], tmp_path / "c", SHIFT)
    with CacheReader(tmp_path / "c") as reader:
        np.testing.assert_array_equal(reader["a"].frames["features"], array.astype("f4"))


def test_it_goes_on_where_it_was_and_takes_what_is_new(tmp_path, clips, same_clips) -> None:
    source, first = tmp_path / "in", dict(list(clips.items())[:2])
    as_npy(source, first)
    small = ImportOptions(frame_shift=0.02, shard_mb=1e-5)
    assert import_features([source], tmp_path / "c", small).added == 2
    assert import_features([source], tmp_path / "c", small).added == 0
    as_npy(source, {name: clips[name] for name in clips if name not in first})
    done = import_features([source], tmp_path / "c", small)
    assert (done.clips, done.added, done.changed) == (4, 2, 0)
    same_clips(tmp_path / "c", clips)
    np.save(source / "00042.npy", clips["00042"] + np.float16(1))
    assert import_features([source], tmp_path / "c", small).changed == 1
    same_clips(tmp_path / "c", clips)


def test_a_cache_of_another_recipe_is_refused_also_by_a_dry_run(tmp_path, clips) -> None:
    as_npy(tmp_path / "in", clips)
    import_features([tmp_path / "in"], tmp_path / "c", SHIFT)
    for dry_run in (True, False):
        with pytest.raises(RecipeMismatchError, match=r"imported\.frame_shift: 0\.02 -> 0\.04"):
            import_features(
                [tmp_path / "in"], tmp_path / "c", ImportOptions(frame_shift=0.04), dry_run=dry_run
            )


def test_a_dry_run_writes_nothing(tmp_path, clips) -> None:
    as_npy(tmp_path / "in", clips)
    done = import_features([tmp_path / "in"], tmp_path / "c", SHIFT, dry_run=True)
    assert (done.written, len(done.understood.frames)) == (False, 4)
    assert not (tmp_path / "c").exists()


def test_segments_of_recordings(tmp_path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "v1.csv").write_text(
        "timestamp,a,b\n" + "".join(f"{250 * n},{n},{-n}\n" for n in range(12))
    )
    (tmp_path / "s.csv").write_text("id,source,start,end\n00042,v1,1,2\n7,v1,2,2.5\n")
    options = ImportOptions(segments=tmp_path / "s.csv", time_unit="ms")
    done = import_features([tmp_path / "in"], tmp_path / "c", options)
    assert (done.clips, done.failures) == (2, ())
    with CacheReader(tmp_path / "c") as reader:
        assert reader["00042"].frames["features"].tolist() == [[n, -n] for n in (4, 5, 6, 7)]
        assert reader.frame_fields["features"].frame_shift == 0.25


def test_the_other_commands_take_it(tmp_path, clips) -> None:
    rng = np.random.default_rng(0)
    many = {f"{n:03}": rng.normal(size=(6 + n % 3, 24)).astype("f2") for n in range(12)}
    halves = [dict(list(many.items())[:6]), dict(list(many.items())[6:])]
    for name, held in zip("ab", halves, strict=True):
        as_npy(tmp_path / name, held)
        import_features([tmp_path / name], tmp_path / f"cache-{name}", SHIFT)
    as_npy(tmp_path / "all", many)
    import_features([tmp_path / "all"], tmp_path / "whole", SHIFT)
    assert merge([tmp_path / "cache-a", tmp_path / "cache-b"], tmp_path / "merged").clips == 12
    assert diff(tmp_path / "merged", tmp_path / "whole", exact=True) == []
    compact(tmp_path / "whole", tmp_path / "small", CompactOptions(pool=2, project=8))
    assert verify(tmp_path / "small").findings == ()
    export(tmp_path / "whole", tmp_path / "out")
    with CacheReader(tmp_path / "whole") as reader:
        assert json.dumps(reader.recipe)


def test_damage_is_repaired_by_importing_again(tmp_path, clips, same_clips) -> None:
    as_npy(tmp_path / "in", clips)
    import_features([tmp_path / "in"], tmp_path / "c", SHIFT)
    (shard,) = (tmp_path / "c" / "shards").glob("*.h5")
    with CacheReader(tmp_path / "c") as reader:
        place = reader.records[0].datasets["frames/features"].offset
    with shard.open("r+b") as file:
        file.seek(place)
        file.write(b"\x01\x02")
    done = repair(tmp_path / "c", verify(tmp_path / "c"))
    assert f"emi-cache import SOURCE --out {tmp_path / 'c'}" in as_text(tmp_path / "c", done)
    assert import_features([tmp_path / "in"], tmp_path / "c", SHIFT).added == 1
    same_clips(tmp_path / "c", clips)
