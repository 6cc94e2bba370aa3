"""Two streams of spoken digits, and the table of what each adds: ten targets, folds by speaker.

    python tests/bench/digits_streams.py MEDIA [--out FOLDER --seeds 3]

MEDIA holds files named DIGIT_SPEAKER_TAKE.wav. One stream is their log-mel frames; the other is imported from a npy
of each clip, and made up: what a recogniser might say of the digit, as ten noisy values, wrong in a fifth of the
clips and absent from a twelfth, which shows what a stream that adds looks like.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from train.files import write_csv

ROOT = Path(__file__).resolve().parents[2]
WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
WRONG, ABSENT, NOISE = 1 / 5, 1 / 12, 0.5


def write_inputs(media: Path, folder: Path) -> list[str]:
    """Write labels and the npy files of the second stream; return the clips."""
    rng = np.random.default_rng(0)
    clips = sorted(path.stem for path in media.glob("*.wav"))
    parts = [clip.split("_") for clip in clips]
    write_csv(
        folder / "labels.csv",
        ["clip_id", "digit", "speaker"],
        [[clip, WORDS[int(digit)], who] for clip, (digit, who, _) in zip(clips, parts, strict=True)],
    )
    (folder / "said").mkdir(exist_ok=True)
    for clip, (digit, _, _) in zip(clips, parts, strict=True):
        heard = int(rng.integers(10)) if rng.random() < WRONG else int(digit)
        values = np.eye(10)[heard] + NOISE * rng.standard_normal((int(rng.integers(1, 4)), 10))
        if rng.random() >= ABSENT:
            np.save(folder / "said" / f"{clip}.npy", values.astype(np.float32))
    return clips


def command(*words: object) -> None:
    """Say a command, and run it."""
    texts = [str(word) for word in words]
    print(f"emi-{' '.join(texts)}", flush=True)
    subprocess.run([sys.executable, "-m", *texts], check=True, cwd=ROOT)


def main() -> None:
    """Make both caches, and the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("media", type=Path)
    parser.add_argument("--out", type=Path, help="default: a temporary folder")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = (options.out or Path(name)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        write_inputs(options.media, folder)
        command("extract", "run", options.media.resolve(), "--model", "logmel", "--out", folder / "logmel")
        command(
            "cache",
            "import",
            folder / "said",
            "--out",
            folder / "words",
            "--name",
            "said",
            "--frame-shift",
            0.1,
        )
        streams = [f"audio={folder / 'logmel'}", f"said={folder / 'words'}"]
        labels = ["--labels", folder / "labels.csv", "--targets", "digit", "--folds", 6, "--group", "speaker"]
        study = ["--recipe", "auto", "--grid", "streams", "--seeds", options.seeds, "--out", folder / "study"]
        command("train", "ablate", *streams, *labels, *study)


if __name__ == "__main__":
    main()
