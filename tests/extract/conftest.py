"""Real media files in every container, and a tiny encoder in the layout of the real one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

AV_CODECS = {
    ".mp4": ("aac", "fltp"),
    ".m4a": ("aac", "fltp"),
    ".mov": ("aac", "fltp"),
    ".mkv": ("aac", "fltp"),
    ".webm": ("libopus", "flt"),
}
VIDEO_CODECS = {".mp4": "mpeg4", ".mov": "mpeg4", ".mkv": "mpeg4", ".webm": "libvpx"}
SOUNDFILE = {
    ".wav": ("WAV", "PCM_16"),
    ".flac": ("FLAC", "PCM_16"),
    ".ogg": ("OGG", "VORBIS"),
    ".opus": ("OGG", "OPUS"),
    ".mp3": ("MP3", "MPEG_LAYER_III"),
    ".aiff": ("AIFF", "PCM_16"),
}


@pytest.fixture(scope="session")
def voice() -> Callable[..., np.ndarray]:
    """Harmonics of 150 Hz under a slow envelope: (samples, channels) float32."""

    def make(seconds: float = 1.0, rate: int = 16_000, channels: int = 1, seed: int = 0) -> np.ndarray:
        time = np.arange(round(seconds * rate)) / rate
        tone = sum(np.sin(2 * np.pi * 150 * (1 + 0.01 * seed) * k * time) / k for k in range(1, 12))
        sound = 0.1 * tone * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * time))
        return np.repeat(sound[:, None], channels, axis=1).astype(np.float32)

    return make


@pytest.fixture(scope="session")
def write_media() -> Callable[..., Path]:
    """Write sound (and a picture, where the container is a video's) to a real media file."""

    def write(path: Path, sound: np.ndarray, rate: int = 16_000, subtype: str | None = None) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix in SOUNDFILE:
            kind, default = SOUNDFILE[path.suffix]
            soundfile.write(path, sound, rate, format=kind, subtype=subtype or default)
        else:
            write_container(path, sound, rate)
        return path

    return write


def write_container(path: Path, sound: np.ndarray, rate: int, audio: bool = True) -> None:
    codec, sample_format = AV_CODECS[path.suffix]
    with av.open(str(path), "w") as container:
        picture = None
        if path.suffix in VIDEO_CODECS:
            picture = container.add_stream(VIDEO_CODECS[path.suffix], rate=10)
            picture.width, picture.height, picture.pix_fmt = 32, 32, "yuv420p"
        track = container.add_stream(codec, rate=rate, layout=layout(sound)) if audio else None
        for number in range(round(10 * len(sound) / rate) if picture else 0):
            image = av.VideoFrame.from_ndarray(np.full((32, 32, 3), number % 255, np.uint8), format="rgb24")
            container.mux(picture.encode(image))
        if picture:
            container.mux(picture.encode())
        if track:
            planes = sound.T if sample_format == "fltp" else sound.reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(planes), sample_format, layout(sound))
            frame.sample_rate = rate
            frame.pts = 0
            container.mux(track.encode(frame))
            container.mux(track.encode())


def layout(sound: np.ndarray) -> str:
    return {1: "mono", 2: "stereo"}[sound.shape[1]]


@pytest.fixture(scope="session")
def write_silent_film() -> Callable[[Path], Path]:
    """A video without a sound track."""

    def write(path: Path) -> Path:
        write_container(path, np.zeros((16_000, 1), np.float32), 16_000, audio=False)
        return path

    return write


SMALL = {
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 128,
    "conv_dim": [32] * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 4,
}
LAYER_NORM = {"feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True}
FAMILIES = {"wav2vec2": "Wav2Vec2", "hubert": "Hubert", "wavlm": "WavLM"}


@pytest.fixture(scope="session")
def save_encoder() -> Callable[..., Path]:
    """Save a small encoder as transformers initialises it, so that rounding errors stay as small as they are.

    ``vad`` adds the regression head in the layout of the published checkpoint.
    """
    import torch
    import transformers

    def save(folder: Path, family: str = "wav2vec2", vad: bool = False, **settings: object) -> Path:
        torch.manual_seed(1)
        config = getattr(transformers, FAMILIES[family] + "Config")(**{**SMALL, **LAYER_NORM, **settings})
        model = getattr(transformers, FAMILIES[family] + "Model")(config)
        model.save_pretrained(folder)
        transformers.Wav2Vec2FeatureExtractor(return_attention_mask=True).save_pretrained(folder)
        if vad:
            add_head(folder)
        return folder

    return save


def add_head(folder: Path) -> None:
    """Put the regression head around a saved encoder, with the weight-norm names of older files."""
    import torch
    from safetensors.torch import load_file, save_file

    config = json.loads((folder / "config.json").read_text())
    size = config["hidden_size"]
    weights = {f"wav2vec2.{name}": tensor for name, tensor in load_file(folder / "model.safetensors").items()}
    for new, old in (("original0", "weight_g"), ("original1", "weight_v")):
        name = f"wav2vec2.encoder.pos_conv_embed.conv.parametrizations.weight.{new}"
        weights[name.replace(f"parametrizations.weight.{new}", old)] = weights.pop(name)
    weights["classifier.dense.weight"] = torch.randn(size, size) / size**0.5
    weights["classifier.dense.bias"] = torch.zeros(size)
    weights["classifier.out_proj.weight"] = torch.randn(3, size) / size**0.5
    weights["classifier.out_proj.bias"] = torch.full((3,), 0.5)
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    labels = {"0": "arousal", "1": "dominance", "2": "valence"}
    config |= {"architectures": ["Wav2Vec2ForSpeechClassification"], "id2label": labels, "num_labels": 3}
    config |= {"label2id": {name: int(number) for number, name in labels.items()}}
    (folder / "config.json").write_text(json.dumps(config))


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory, save_encoder: Callable[..., Path]) -> Path:
    """A checkpoint folder with random weights, in the very layout of the published one."""
    return save_encoder(tmp_path_factory.mktemp("encoder") / "vad", vad=True)


@pytest.fixture(scope="session", autouse=True)
def one_torch_thread() -> None:
    """Tiny matrices gain nothing from threads, and lose much when the cores are shared."""
    import torch

    torch.set_num_threads(1)


SHARD_MB = 0.02  # a few clips of the tiny encoder


@pytest.fixture(scope="session")
def clips(tmp_path_factory, voice, write_media) -> Path:
    """Twelve good clips of 0.3–1.5 s in four containers."""
    folder = tmp_path_factory.mktemp("clips")
    for number in range(12):
        suffix = (".wav", ".flac", ".mp3", ".mp4")[number % 4]
        write_media(folder / f"{number:05}{suffix}", voice(0.3 + 0.1 * number, seed=number))
    return folder


@pytest.fixture(scope="session")
def options(tiny_encoder) -> object:
    from extract.encoders.base import EncoderOptions
    from extract.options import ExtractOptions

    return ExtractOptions(EncoderOptions(str(tiny_encoder), device="cpu"), shard_mb=SHARD_MB)


@pytest.fixture(scope="session")
def reference(tmp_path_factory, clips, options) -> Path:
    """The cache of an uninterrupted run."""
    from extract.run.extract import extract

    out = tmp_path_factory.mktemp("reference") / "cache"
    extract(clips, out, options)
    return out


@pytest.fixture(scope="session")
def assert_same() -> Callable[[Path, Path], None]:
    """Bit-equal clips in equally named shards."""
    from cache import CacheReader, verify

    def compare(one: Path, other: Path) -> None:
        a, b = CacheReader(one), CacheReader(other)
        assert [record.name for record in a.records] == [record.name for record in b.records]
        assert a.clip_ids == b.clip_ids
        for clip_id in a.clip_ids:
            first, second = a[clip_id], b[clip_id]
            for name, values in first.frames.items():
                np.testing.assert_array_equal(values, second.frames[name])
                np.testing.assert_array_equal(first.global_mean[name], second.global_mean[name])
        assert verify(one).findings == verify(other).findings == ()

    return compare


@pytest.fixture
def touch(tmp_path):
    """Make files of one byte under these names; return their folder."""

    def make(*names: str) -> Path:
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(b"x")
        return tmp_path

    return make
