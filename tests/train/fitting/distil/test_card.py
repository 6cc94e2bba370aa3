"""The card of a student: licence and teacher for the hub, agreement with intervals, and no markup from names."""

from __future__ import annotations

import pytest

from train.fitting.distil.card import card, number

SCORE = {"estimate": 0.61, "low": 0.4, "high": 0.8, "by": "speaker", "clusters": 6}
CONFIG = {
    "teacher": {"model": "audeering/wav2vec2-large", "revision": "abc"},
    "licence": "CC BY-NC-SA 4.0",
    "dimensions": ["arousal", "<b>x|y"],
    "hidden": 8,
    "parameters": 10715,
}
METRICS = {
    "bytes": 53_000,
    "times_real_time": 900.4,
    "epoch_seconds": 0.5,
    "scores": {
        "frames": 99,
        "clips": 40,
        "ccc": {"mean": SCORE, "arousal": SCORE, "<b>x|y": {**SCORE, "estimate": None}},
        "frame_ccc": {"arousal": 0.5, "<b>x|y": float("nan")},
        "hidden_r2": 0.4321,
    },
}


def test_it_says_whose_student_it_is_how_well_it_learned_and_under_which_licence() -> None:
    text = card(CONFIG, METRICS)
    assert text.startswith('---\nlicense: "cc-by-nc-sa-4.0"\n')
    assert 'base_model: "audeering/wav2vec2-large"' in text
    assert "shares their licence: CC BY-NC-SA 4.0" in text
    assert "40 clips of 6 speakers that it had not heard" in text
    told = METRICS | {"scores": {**METRICS["scores"], "heard_speakers": 2}}
    assert "that it had not heard, of 6 speakers, of whom it had heard 2 in other clips" in card(CONFIG, told)
    assert "| arousal | 0.610 | 0.400 to 0.800 | 0.500 |" in text
    assert "give 43.2%" in text
    assert "900 × real time" in text


def test_names_stay_text() -> None:
    text = card(CONFIG, METRICS)
    assert "<b>" not in text.replace("\\<b>", "")
    assert "| \\<b>x\\|y | undefined |" in text


def test_a_student_of_frames_alone_has_no_table() -> None:
    scores = {"frames": 1, "hidden_r2": None}
    text = card({**CONFIG, "dimensions": []}, {**METRICS, "scores": scores})
    assert "nothing of clips, and 8 components" in text
    assert "on 1 frame that it had not heard" in text


@pytest.mark.parametrize(
    ("value", "shown"), [(None, "undefined"), (float("nan"), "undefined"), (0.5, "0.500")]
)
def test_an_undefined_score_is_called_so(value, shown) -> None:
    assert number(value) == shown
