"""The HDF5 back end: flat, contiguous, unfiltered, and nothing else is read."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from cache.common.errors import DamagedCacheError
from cache.shards.registry import get_store


def test_hdf5_is_flat_contiguous_unfiltered_and_readable_with_h5py_alone(publish, shard, tmp_path) -> None:
    final, _ = publish(get_store("hdf5"), shard, tmp_path)
    with h5py.File(final) as file:
        assert file["clips/clip_id"].asstr()[:].tolist() == ["00001", "ä/β"]
        frames = file["frames/hidden_states/2"]
        assert frames.chunks is None
        assert frames.compression is None
        assert frames.attrs["frame_shift"] == pytest.approx(0.02)
        assert frames.attrs["offsets"] == "offsets"
        assert file["frames/vad"].attrs["dims"].tolist() == ["arousal", "dominance", "valence"]
        assert file["offsets"][:].tolist() == [0, 5, 14]


@pytest.mark.parametrize("kind", ["chunked", "object", "link"])
def test_hdf5_with_anything_but_plain_contiguous_arrays_is_refused(kind, tmp_path) -> None:
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        if kind == "chunked":
            file.create_dataset("a", data=np.zeros(10), chunks=(5,))
        elif kind == "object":
            file.create_dataset("a", data=["text", "of any length"])
        else:
            file["a"] = h5py.ExternalLink("/etc/passwd", "/a")
    with pytest.raises(DamagedCacheError):
        get_store("hdf5").describe(path)
