"""Sound to a student and back: two caches, a distillation, an encoder whose features are those of the cache."""

from __future__ import annotations

import numpy as np
import pytest

from cache import CacheReader

CLIPS, SPEAKERS = 8, 2


@pytest.fixture(scope="module")
def made(bench, tmp_path_factory):
    """A few clips, their log-mel frames, and a teacher: imported frames that follow from them."""
    root, student, media = tmp_path_factory.mktemp("path"), bench("bench_student"), bench("media")
    for number in range(CLIPS):
        sound = media.voice(0.6 + 0.05 * number, seed=number)
        media.write(root / "media" / f"{number}_s{number % SPEAKERS}_0.wav", sound)
    student.command("extract", "run", root / "media", "--model", "logmel", "--out", root / "logmel")
    (root / "npy").mkdir()
    mix = np.random.default_rng(0).standard_normal((81, 16)) / 9
    with CacheReader(root / "logmel") as reader:
        for clip_id in reader.clip_ids:
            np.save(root / "npy" / f"{clip_id}.npy", np.tanh(reader.read_values(clip_id, "logmel") @ mix))
    given = ["--frame-shift", 0.02, "--encoder", "made up"]
    student.command("cache", "import", root / "npy", "--out", root / "teacher", *given)
    return root


def test_a_student_of_real_sound_gives_the_same_bits_from_file_and_cache(bench, made, tmp_path) -> None:
    student = bench("bench_student")
    ids = tuple(f"{number}_s{number % SPEAKERS}_0" for number in range(CLIPS))
    who = student.speakers_table(tmp_path / "who.csv", ids)
    given = [
        "--size",
        "72k",
        "--targets-from",
        "linear",
        "--hidden",
        4,
        "--folds",
        2,
        "--epochs",
        1,
        "--speakers",
        who,
        "--threads",
        1,
    ]
    found = student.measure(made / "media", made / "logmel", made / "teacher", tmp_path, given, onnx=False)
    assert (found.differing, found.clips) == (0, CLIPS)
    assert found.metrics["bytes"] <= 400_000
    assert found.metrics["scores"]["clips"] == CLIPS
    assert found.extraction[0] > 20  # 200 on a quiet core; this one may be anybody's
