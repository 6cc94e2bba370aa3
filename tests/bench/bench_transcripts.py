"""How fast and how well spoken digits are transcribed on one core, one by one and joined to clips of 12 s.

    python tests/bench/bench_transcripts.py ASR DIGITS [--every 1 --padding 30 --beams 5 --json]

ASR is the folder of a Whisper in CTranslate2's layout, DIGITS one of files such as ``7_anna_3.wav``, whose names
begin with the digit that is said. Seconds are those of the processor: other work on the machine does not count.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
os.environ["OMP_NUM_THREADS"] = "1"
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

from extract.audio.decode import decode
from extract.sources.clips import SourceClip
from extract.transcripts.asr.model_files import find_asr
from extract.transcripts.asr.options import TranscribeOptions
from extract.transcripts.asr.recogniser import Recogniser, recipe_of_asr

WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
CLIP_SECONDS = 12.0
PAUSE = np.zeros(8_000, np.float32)  # between two digits of a long clip


def word(text: str) -> str:
    """Return a spoken digit as a word, case and punctuation aside."""
    bare = "".join(letter for letter in text.lower() if letter.isalnum())
    return WORDS[int(bare)] if len(bare) == 1 and bare.isdigit() else bare


def timed(recogniser: Recogniser, clips: list[np.ndarray]) -> tuple[list[str], dict[str, float]]:
    """Return what is heard of clips, and what that takes."""
    begin = time.process_time()
    texts = [recogniser.hear(clip).text for clip in clips]
    spent = time.process_time() - begin
    sound = sum(map(len, clips)) / 16_000
    return texts, {
        "clips": len(clips), "mean_seconds": round(sound / len(clips), 2),
        "cpu_seconds_a_clip": round(spent / len(clips), 3), "times_real_time": round(sound / spent, 2),
    }  # fmt: skip


def main() -> None:
    """Run the bench."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("asr")
    parser.add_argument("digits", type=Path)
    parser.add_argument("--every", type=int, default=1, help="take every n-th digit")
    parser.add_argument("--padding", type=float, default=30.0, help="seconds of silence encoded with a clip")
    parser.add_argument("--beams", type=int, default=5, help="texts followed at once")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    options = TranscribeOptions(chosen.asr, language="en", padding=chosen.padding, beams=chosen.beams)
    files = find_asr(chosen.asr, None)
    recogniser = Recogniser(files, recipe_of_asr(files, options, "cpu"), "en", "cpu")
    paths = sorted(chosen.digits.glob("[0-9]_*.wav"))[:: chosen.every]
    clips = [decode(SourceClip(path.stem, path, path.name), CLIP_SECONDS).samples for path in paths]
    recogniser.hear(clips[0])
    texts, single = timed(recogniser, clips)
    single["right"] = sum(
        word(text) == WORDS[int(path.name[0])] for text, path in zip(texts, paths, strict=True)
    )
    joined: list[np.ndarray] = [np.zeros(0, np.float32)]
    for clip in clips:
        if len(joined[-1]) + len(PAUSE) + len(clip) > CLIP_SECONDS * 16_000:
            joined.append(np.zeros(0, np.float32))
        joined[-1] = np.concatenate([joined[-1], clip, PAUSE])
    _, long = timed(recogniser, joined)
    report = {"digits one by one": single, "joined": long}
    print(json.dumps(report) if chosen.json else "\n".join(f"{name}: {row}" for name, row in report.items()))


if __name__ == "__main__":
    main()
