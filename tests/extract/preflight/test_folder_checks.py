"""Whether a folder can hold a cache: links, place, and the recipe of what is there."""

from __future__ import annotations

from extract.encoders.base import EncoderOptions
from extract.encoders.lookup import load_encoder
from extract.options import ExtractOptions
from extract.preflight import folder_checks
from extract.run.extract import extract


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
