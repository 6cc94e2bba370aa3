"""The doctor finds what is wrong with a machine, an encoder or a folder before a night is lost to it."""

from __future__ import annotations

import json

from typer.testing import CliRunner

from extract.__main__ import app


def examine(*arguments: str) -> tuple[int, dict[str, dict[str, str]]]:
    result = CliRunner().invoke(app, ["doctor", "--device", "cpu", "--json", *arguments])
    return result.exit_code, {check["name"]: check for check in json.loads(result.stdout)}


def test_a_sound_machine_passes(tiny_encoder, tmp_path) -> None:
    code, checks = examine("--model", str(tiny_encoder), "--out", str(tmp_path / "c"))
    assert code == 0
    expected = {
        "libraries",
        "decoders",
        "encoder",
        "golden values",
        "batch invariance",
        "speed",
        "links",
        "recipe",
    }
    assert expected <= {name for name, check in checks.items() if check["state"] == "ok"}
    assert "relative error" in checks["--precision bfloat16"]["found"]
    assert not list(tmp_path.iterdir())  # looking leaves nothing behind


def test_an_encoder_that_cannot_be_had_fails_with_advice(tmp_path) -> None:
    code, checks = examine("--model", str(tmp_path))
    assert code == 3
    assert checks["encoder"]["state"] == "FAILED"
    assert checks["encoder"]["advice"]
