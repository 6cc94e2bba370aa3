"""SIGKILL over transcribing and text: nothing lost, nothing twice, equal to an uninterrupted run.

    python tests/bench/kill_transcripts.py [--clips 80 --kills 50 --seed 0 --asr DIR --json]

Half of the kills hit ``emi-extract transcribe``, the others ``emi-extract text``, both with shards of a few clips.
The recogniser is a stand-in that hears a clip's length, unless ``--asr`` names a real one; the text encoder is a
BERT of random weights. Commands are forked off a process that has imported the libraries. Exit code 1 when
anything is wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from kill_extract import differences
from media import voice, write

from cache import CacheReader
from extract.transcripts.asr.parts import Parts
from extract.transcripts.table import words_path

ROOT = Path(__file__).resolve().parents[2]
PER_SHARD = 3
NURSERY = """
import os, sys, time
import extract.text.encode_text, extract.text.encoder, transformers, extract.transcripts.asr.transcribe as asr

from extract.__main__ import main
from extract.text.encoder import TextEncoder
from extract.transcripts.asr.model_files import AsrFiles
from extract.transcripts.asr.recogniser import Heard
from extract.transcripts.transcript import Word
from pathlib import Path

class Length:
    def __init__(self, *_): pass
    def hear(self, samples):
        words = tuple((Word(w, n / 10, n / 10 + 0.1), 0.5) for n, w in enumerate(f"it has {len(samples)}".split()))
        return Heard(" ".join(w.text for w, _ in words), words, "en", 0.1, False)

def slowed(cls, name, log, pause):
    plain = getattr(cls, name)
    def slow(self, what):
        log.write(b"x")
        time.sleep(pause)
        return plain(self, what)
    setattr(cls, name, slow)

for line in sys.stdin:
    fake, log, pause, *arguments = line.rstrip("\\n").split("\\t")
    child = os.fork()
    if not child:
        try:
            log = open(log, "ab", buffering=0)
            if fake:
                asr.find_asr = lambda model, revision: AsrFiles(Path(fake), "fake", "local")
                asr.device_of, asr.Recogniser = lambda name: "cpu", Length
            slowed(asr.Recogniser, "hear", log, float(pause))
            slowed(TextEncoder, "encode", log, float(pause))
            sys.argv[1:] = arguments
            main()
        finally:
            os._exit(0)
    print(child, flush=True)
    os.waitpid(child, 0)
    print("ended", flush=True)
"""


class Nursery:
    """A process that has imported what the commands need, and forks them off."""

    def __init__(self, scratch: Path, asr: str | None) -> None:
        env = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "OMP_NUM_THREADS": "1",
            "TOKENIZERS_PARALLELISM": "false",
        }
        self._scratch, self._asr = scratch, asr
        self._process = subprocess.Popen(
            [sys.executable, "-c", NURSERY],
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.log = scratch / "encoded.log"

    def start(self, pause: float, *arguments: str) -> int:
        """Start a command of ``emi-extract``; its work takes ``pause`` more seconds a batch. Return its process."""
        fake = "" if self._asr else str(fake_files(self._scratch))
        self._process.stdin.write("\t".join([fake, str(self.log), str(pause), *arguments]) + "\n")
        self._process.stdin.flush()
        return int(self._line())

    def noted(self) -> int:
        """Return how many batches have been begun."""
        return self.log.stat().st_size if self.log.exists() else 0

    def wait(self) -> None:
        """Wait until the command has ended."""
        self._line()

    def _line(self) -> str:
        """Return the next line that is the nursery's own."""
        while True:
            line = self._process.stdout.readline()
            if not line:
                raise RuntimeError("the nursery has ended")
            if line.strip().isdigit() or line == "ended\n":
                return line

    def close(self) -> None:
        """Let it end."""
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def fake_files(scratch: Path) -> Path:
    """Return a folder with the files that a recogniser's recipe names."""
    folder = scratch / "asr"
    folder.mkdir(exist_ok=True)
    for name in ("model.bin", "tokenizer.json", "config.json"):
        (folder / name).write_text("{}")
    return folder


def text_encoder(folder: Path) -> Path:
    """Make a BERT of random weights whose tokens are letters."""
    import torch
    import transformers
    import transformers.utils.logging
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    vocabulary = {token: n for n, token in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]"])}
    letters = "abcdefghijklmnopqrstuvwxyz0123456789."
    vocabulary |= {letter: len(vocabulary) + n for n, letter in enumerate(letters)}
    vocabulary |= {f"##{letter}": len(vocabulary) + n for n, letter in enumerate(letters)}
    made = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    transformers.PreTrainedTokenizerFast(tokenizer_object=made, pad_token="[PAD]").save_pretrained(folder)
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(vocabulary), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=16, max_position_embeddings=64,
    )  # fmt: skip
    transformers.utils.logging.disable_progress_bar()
    transformers.BertModel(config).save_pretrained(folder)
    return folder


def kill_loop(
    nursery: Nursery,
    command: tuple[str, ...],
    kills: int,
    rng: random.Random,
    check: Callable[[], tuple[int, list[str]]],
    pause: float,
) -> tuple[list[int], list[str]]:
    """Kill a command again and again; return what was committed between the kills, and what was wrong."""
    done, progress, problems = 0, [], []
    for _ in range(kills):
        begun = nursery.noted()
        process = nursery.start(pause, *command)
        limit = time.monotonic() + 60
        while nursery.noted() == begun and time.monotonic() < limit and Path(f"/proc/{process}").exists():
            time.sleep(0.005)
        time.sleep(rng.uniform(0.0, 4 * pause))
        with suppress(ProcessLookupError):
            os.kill(process, 9)
        nursery.wait()
        committed, wrong = check()
        problems += wrong + (["committed clips were lost"] if committed < done else [])
        progress.append(committed - done)
        done = committed
    nursery.start(0.0, *command)
    nursery.wait()
    return progress, problems


def torment(
    scratch: Path, clips: int, kills: int, rng: random.Random, asr: str | None = None
) -> dict[str, object]:
    """Kill both commands, half of the kills each, let them finish, and compare."""
    began = time.monotonic()
    media, model = scratch / "clips", text_encoder(scratch / "model")
    for number in range(clips):
        write(media / f"{number:05}.wav", voice(0.2 + 0.02 * number, seed=number))
    nursery = Nursery(scratch, asr)
    pause = 0.1  # seconds a clip takes longer: so that the kills fall all over the run
    hear = (
        "transcribe",
        str(media),
        "--asr",
        asr or "x",
        "--shard-clips",
        str(PER_SHARD),
        "--language",
        "en",
        "--out",
    )
    table, reference = scratch / "killed.csv", scratch / "reference.csv"
    nursery.start(0.0, *hear, str(reference))
    nursery.wait()
    expected = Parts(scratch / "reference.parts").rows()

    def check_table() -> tuple[int, list[str]]:
        rows = Parts(scratch / "killed.parts").rows()
        same = {clip_id: [row.text for row in some] for clip_id, some in rows.items()}
        return len(rows), [f"{i}: {text}" for i, text in same.items() if text != [expected[i][0].text]]

    heard, problems = kill_loop(nursery, (*hear, str(table)), kills - kills // 2, rng, check_table, pause)
    for one, other in ((table, reference), (words_path(table), words_path(reference))):
        if one.read_bytes() != other.read_bytes():
            problems.append(f"{one.name} is not {other.name}")
    encode = (
        "text",
        str(reference),
        "--model",
        str(model),
        "--device",
        "cpu",
        "--shard-mb",
        "0.0015",
        "--out",
    )
    nursery.start(0.0, *encode, str(scratch / "one"))
    nursery.wait()

    def check_cache() -> tuple[int, list[str]]:
        if not (scratch / "two" / "cache.json").exists():
            return 0, []
        return len(CacheReader(scratch / "two")), differences(scratch / "one", scratch / "two")

    coded, wrong = kill_loop(nursery, (*encode, str(scratch / "two")), kills // 2, rng, check_cache, pause)
    nursery.close()
    problems += wrong + check_cache()[1]
    ids = [CacheReader(scratch / name).clip_ids for name in ("one", "two")]
    if ids[0] != ids[1] or len(ids[0]) != clips:
        problems.append(f"{len(ids[1])} of {clips} clips in the cache")
    left = [path.name for path in scratch.rglob("*.tmp")] + [path.name for path in scratch.rglob("*.lease")]
    return {
        "clips": clips, "kills": kills, "heard_between_kills": heard, "encoded_between_kills": coded,
        "kills_that_found_work": sum(step > 0 for step in heard + coded), "left_over_files": left,
        "seconds": round(time.monotonic() - began, 1), "problems": problems,
    }  # fmt: skip


def main() -> None:
    """Run the bench."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=int, default=80)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--asr", help="folder of a real recogniser")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        report = torment(
            Path(scratch), options.clips, options.kills, random.Random(options.seed), options.asr
        )
    print(
        json.dumps(report) if options.json else "\n".join(f"{key}: {value}" for key, value in report.items())
    )
    sys.exit(bool(report["problems"]))


if __name__ == "__main__":
    main()
