"""Transcribing from sound to the table: continued, updated, stopped, refused; failures told from silence."""

from __future__ import annotations

import csv
import json
import os
import signal
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from cache.common.errors import RecipeMismatchError
from extract.__main__ import app
from extract.errors import ExtractError
from extract.transcripts.asr.options import TranscribeOptions
from extract.transcripts.asr.transcribe import transcribe
from extract.transcripts.table import recipe_path, words_path

OPTIONS = TranscribeOptions("x", shard_clips=2)


def rows(path) -> dict[str, dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return {row["clip_id"]: row for row in csv.DictReader(file)}


def test_a_table_and_its_words(fake_asr, sound, tmp_path, write_media, voice) -> None:
    folder = sound(3)
    write_media(folder / "silent.wav", 0 * voice(0.5))
    (folder / "broken.wav").write_bytes(b"RIFF no sound")
    out = tmp_path / "new" / "t.csv"
    done = transcribe([folder], out, OPTIONS)
    assert (done.clips, done.heard, done.before, done.no_speech) == (5, 4, 0, ("silent",))
    assert [(failure.clip_id, failure.reason) for failure in done.failures] == [("broken", "unreadable")]
    table = rows(out)
    assert list(table) == ["00", "01", "02", "silent"]
    assert table["01"]["text"].endswith(" 4000.")
    assert (table["silent"]["text"], table["silent"]["note"]) == ("", "no_speech")
    assert len(words_path(out).read_text(encoding="utf-8-sig").splitlines()) == 7
    again = transcribe([folder], out, OPTIONS)
    assert (again.heard, again.before, fake_asr.calls) == (0, 4, 3)


def test_changed_sound_is_heard_again_only_when_asked(fake_asr, sound, tmp_path, write_media, voice) -> None:
    folder, out = sound(3), tmp_path / "t.csv"
    transcribe([folder], out, OPTIONS)
    write_media(folder / "01.wav", voice(0.4))
    os.utime(folder / "02.wav", (1, 1))  # a copy: it sounds the same
    assert transcribe([folder], out, OPTIONS).touched == 2
    assert rows(out)["01"]["text"].endswith(" 4000.")
    calls = fake_asr.calls
    done = transcribe([folder], out, TranscribeOptions("x", shard_clips=2, update=True))
    assert (done.heard, fake_asr.calls - calls) == (1, 1)
    assert rows(out)["01"]["text"].endswith(" 6400.")


def test_a_clip_that_is_no_sound_any_more_is_listed_and_its_row_stays(fake_asr, sound, tmp_path) -> None:
    folder, out = sound(2), tmp_path / "t.csv"
    transcribe([folder], out, OPTIONS)
    before = rows(out)["01"]
    (folder / "01.wav").write_text("no sound\n" * 9)
    for _ in range(2):
        done = transcribe([folder], out, replace(OPTIONS, update=True))
        assert [(each.clip_id, each.reason) for each in done.failures] == [("01", "unreadable")]
        assert (done.heard, done.stopped, rows(out)["01"]) == (0, False, before)
    assert transcribe([folder], out, OPTIONS).failures == ()


def test_what_was_mended_stays_when_clips_are_added(fake_asr, sound, tmp_path) -> None:
    folder, out = sound(2), tmp_path / "t.csv"
    transcribe([folder], out, OPTIONS)
    out.write_text(out.read_text(encoding="utf-8-sig").replace("3200.", "mended"))
    sound(4)
    done = transcribe([folder], out, OPTIONS)
    assert (done.heard, done.before, done.mended) == (2, 2, 1)
    assert rows(out)["00"]["text"].endswith(" mended")


def test_another_way_of_hearing_is_refused(fake_asr, sound, tmp_path) -> None:
    folder, out = sound(1), tmp_path / "t.csv"
    transcribe([folder], out, OPTIONS)
    with pytest.raises(RecipeMismatchError, match="language: detected -> fr") as refused:
        transcribe([folder], out, TranscribeOptions("x", language="fr"))
    assert str(recipe_path(out)) in str(refused.value)
    assert "cache info" not in str(refused.value)
    assert json.loads(recipe_path(out).read_text())["precision"] == "int8"


def test_the_output_is_a_csv(fake_asr, sound, tmp_path) -> None:
    with pytest.raises(ExtractError, match="--out"):
        transcribe([sound(1)], tmp_path / "t", OPTIONS)


def test_a_stop_ends_in_order_and_the_next_run_goes_on(fake_asr, sound, tmp_path, monkeypatch) -> None:
    folder, out = sound(6), tmp_path / "t.csv"
    plain = fake_asr.hear

    def hear(self, samples):
        if type(self).calls == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return plain(self, samples)

    monkeypatch.setattr(fake_asr, "hear", hear)
    stopped = transcribe([folder], out, TranscribeOptions("x", shard_clips=2, grace=0.0))
    assert stopped.stopped
    assert len(rows(out)) == 2
    assert transcribe([folder], out, OPTIONS).before == 2
    assert len(rows(out)) == 6


def test_the_command_says_what_it_did(fake_asr, sound, tmp_path) -> None:
    folder = sound(2)
    (folder / "broken.wav").write_bytes(b"RIFF no sound")
    arguments = ["transcribe", str(folder), "--out", str(tmp_path / "t.csv"), "--asr", "x"]
    shown = CliRunner().invoke(app, arguments)
    assert shown.exit_code == 3
    assert "2 of 3 clips transcribed" in shown.output
    assert "broken: unreadable" in shown.output
    document = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).output)
    assert (document["heard"], document["before"], document["failures"][0]["clip_id"]) == (0, 2, "broken")
