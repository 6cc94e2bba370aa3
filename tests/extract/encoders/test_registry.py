"""A new family of encoders is one module and one line: a toy one runs through extract and is read back."""

from __future__ import annotations

import json
import sys
from types import ModuleType

import numpy as np
import pytest

from cache import CacheReader, verify
from cache.format.schema import FrameField
from extract import EncoderOptions, ExtractOptions, extract, load_encoder
from extract.audio.decode import decode
from extract.encoders.base import Encoded
from extract.encoders.registry import BUILT_IN, CHECKPOINTS
from extract.errors import EncoderError
from extract.sources.clips import SourceClip


class Loudness:
    """A toy family, as its module would hold it: the mean square of every 20 ms."""

    libraries, precisions = (), ("float32",)
    fields = (FrameField("loudness", 1),)
    licence, chunking, equal_lengths = "none", "none", False
    batch_seconds, memory_seconds = 0.0, float("inf")

    def __init__(self, scale: float) -> None:
        self.scale = scale
        self.recipe = {"model": "loudness", "revision": "1", "weights_sha256": f"scale {scale}"}
        self.recipe |= {"config_sha256": "none", "precision": "float32"}

    def num_frames(self, num_samples: int) -> int:
        return num_samples // 320

    def devices(self) -> list[str]:
        return ["cpu"]

    def load(self, _device: str | None = None) -> Loudness:
        return self

    def encode(self, clips) -> list[Encoded]:
        return [self._encode(clip) for clip in clips]

    def _encode(self, clip: np.ndarray) -> Encoded:
        frames = clip[: len(clip) // 320 * 320].reshape(-1, 320)
        values = self.scale * np.square(frames).mean(axis=1, keepdims=True)
        return Encoded({"loudness": values}, {"loudness": values.mean(axis=0)}, {})


@pytest.fixture
def family(monkeypatch):
    """The module of the family, and its line in each registry."""
    module = ModuleType("loudness_family")
    module.describe = lambda _options: Loudness(1.0)
    module.describe_files = lambda files, _options: Loudness(files.config["scale"])
    monkeypatch.setitem(sys.modules, "loudness_family", module)
    BUILT_IN.add("loudness", "loudness_family:describe", "mean square of every 20 ms")
    CHECKPOINTS.add("loudness", "loudness_family:describe_files", "the same, scaled")
    yield
    BUILT_IN.remove("loudness")
    CHECKPOINTS.remove("loudness")


@pytest.fixture
def folder(tmp_path):
    """A checkpoint of the family."""
    (tmp_path / "encoder").mkdir()
    for name, content in (
        ("config.json", {"model_type": "loudness", "scale": 3.0}),
        ("preprocessor_config.json", {"sampling_rate": 16_000}),
        ("model.safetensors", {}),
    ):
        (tmp_path / "encoder" / name).write_text(json.dumps(content))
    return tmp_path / "encoder"


@pytest.mark.parametrize("built_in", [True, False])
def test_a_new_family_runs_through_extract_and_is_read_back(
    family, folder, tmp_path, clips, built_in
) -> None:
    model = "loudness" if built_in else str(folder)
    out = tmp_path / "c"
    options = ExtractOptions(EncoderOptions(model))
    assert extract(clips, out, options).extracted == 12
    assert extract(clips, out, options).cached_before == 12
    reader = CacheReader(out)
    assert list(reader.frame_fields) == ["loudness"]
    assert reader.recipe["weights_sha256"] == ("scale 1.0" if built_in else "scale 3.0")
    for path in clips.iterdir():
        samples = decode(SourceClip(path.stem, path, path.name), 12.0).samples
        expected = (1.0 if built_in else 3.0) * np.mean(samples[: len(samples) // 320 * 320] ** 2)
        np.testing.assert_allclose(reader[path.stem].frames["loudness"].mean(), expected, rtol=1e-5)
    assert verify(out).findings == ()


def test_what_users_read_names_the_families(family, folder, tmp_path) -> None:
    with pytest.raises(EncoderError, match=r"or logmel, egemaps or loudness"):
        load_encoder(EncoderOptions("./nowhere"))
    (folder / "config.json").write_text('{"model_type": "lowdness"}')
    with pytest.raises(EncoderError, match=r" or loudness; did you mean 'loudness'\?"):
        load_encoder(EncoderOptions(str(folder)))
    assert ("loudness", "mean square of every 20 ms") in [
        (entry.name, entry.help) for entry in BUILT_IN.entries
    ]


@pytest.mark.parametrize("registry", [BUILT_IN, CHECKPOINTS])
def test_every_home_is_there_and_describes_without_torch(registry, python) -> None:
    homes = [entry.home.partition(":") for entry in registry.entries]
    code = "".join(f"from {module} import {name}\n" for module, _, name in homes)
    done = python("-c", code + "import sys; print({'torch', 'transformers'} & set(sys.modules))")
    assert done.stdout.strip() == "set()", done.stderr
    assert all(entry.help for entry in registry.entries)
