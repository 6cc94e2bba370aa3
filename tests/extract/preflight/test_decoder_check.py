"""Decoders are asked for the sound that was written."""

from __future__ import annotations

from extract.preflight import decoder_check


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


def test_decoders_that_give_back_what_was_written_pass() -> None:
    check = decoder_check.decoder_check()
    assert (check.state, check.found) == ("ok", "wav, flac, ogg, mp3, mp4, webm give back what was written")
