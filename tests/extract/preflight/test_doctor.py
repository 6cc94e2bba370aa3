"""The doctor finds what is wrong with a machine, an encoder or a folder before a night is lost to it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from extract.__main__ import app
from extract.encoders.base import EncoderOptions
from extract.encoders.lookup import load_encoder
from extract.encoders.registry import DEFAULT_MODEL
from extract.options import ExtractOptions
from extract.preflight import checks, decoder_check, doctor, encoder_checks, folder_checks
from extract.run.extract import extract


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


def test_golden_values_are_compared_for_the_published_encoder_only(tiny_encoder, monkeypatch) -> None:
    encoder = load_encoder(EncoderOptions(str(tiny_encoder), device="cpu"))
    assert encoder_checks._golden(encoder).state == "ok"
    encoder.recipe["model"] = DEFAULT_MODEL
    check = encoder_checks._golden(encoder)
    assert check.state == "FAILED"
    assert "0.5460754" in check.advice
    values = encoder.encode([np.zeros(16_000, np.float32)])[0].clip["vad"]
    monkeypatch.setattr(encoder_checks, "GOLDEN", tuple(values.tolist()))
    assert "as the model card says" in encoder_checks._golden(encoder).found


def test_an_encoder_whose_values_depend_on_the_batch_fails(tiny_encoder, monkeypatch) -> None:
    encoder = load_encoder(EncoderOptions(str(tiny_encoder), device="cpu"))
    plain = encoder._blocks
    monkeypatch.setattr(encoder, "_blocks", lambda hidden, _mask: plain(hidden, None))
    check = encoder_checks._batches(encoder)
    assert check.state == "FAILED"
    assert "--batch-seconds 0" in check.advice


def test_folders_that_will_not_do_are_named(tiny_encoder, tmp_path, voice, write_media) -> None:
    write_media(tmp_path / "clips" / "1.wav", voice(0.3))
    logmel = ExtractOptions(EncoderOptions("logmel"))
    extract(tmp_path / "clips", tmp_path / "c", logmel)
    encoder = load_encoder(EncoderOptions(str(tiny_encoder), device="cpu"))
    other = ExtractOptions(EncoderOptions(str(tiny_encoder)))
    by_name = {check.name: check for check in folder_checks.folder_checks(tmp_path / "c", other, encoder)}
    assert by_name["recipe"].state == "FAILED"
    assert "normalisation" in by_name["recipe"].found
    same = {
        c.name: c for c in folder_checks.folder_checks(tmp_path / "c", logmel, load_encoder(logmel.encoder))
    }
    assert same["recipe"].state == "ok"
    (check,) = folder_checks.folder_checks(tmp_path / "clips" / "1.wav", other, encoder)
    assert (check.name, check.state) == ("target folder", "FAILED")


def test_a_folder_without_links_is_a_warning(tmp_path, monkeypatch) -> None:
    def no_links(_source, _target) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(folder_checks.os, "link", no_links)
    assert folder_checks.links_check(tmp_path).state == "warning"
    assert not list(tmp_path.iterdir())


def test_decoders_that_give_back_another_sound_are_named(monkeypatch) -> None:
    plain = decoder_check.decode

    def shifted(clip, max_seconds):
        audio = plain(clip, max_seconds)
        object.__setattr__(audio, "samples", audio.samples[::2])
        return audio

    monkeypatch.setattr(decoder_check, "decode", shifted)
    check = decoder_check.decoder_check()
    assert check.state == "FAILED"
    assert "wav (another sound came back)" in check.found


@pytest.mark.parametrize("name", ["ok", "warning", "FAILED"])
def test_the_table_says_what_to_do(name) -> None:
    text = doctor.as_text([checks.Check("links", name, "found", "do this")])
    assert ("do this" in text) == (name != "ok")
    failed, warned = name == "FAILED", name == "warning"
    assert text.splitlines()[-1] == f"1 check, {failed:d} failed, {warned:d} warning{'' if warned else 's'}"
