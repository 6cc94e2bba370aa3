"""From transcripts to a cache like any other: odd texts, continued, updated, refused, and used by all commands."""

from __future__ import annotations

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from cache import CacheReader, diff, verify
from cache.__main__ import app as cache_app
from cache.common.errors import RecipeMismatchError
from extract.__main__ import app
from extract.errors import SourceError
from extract.text.encode_text import encode_text
from extract.text.options import TextOptions
from extract.transcripts.table import recipe_path, words_path

ODD = {
    "emoji": "😀🎉 so happy 😀",
    "arabic": "مرحبا بالعالم",
    "hebrew": "שלום, עולם!",
    "long": "hello there " * 1500,
    "empty": "",
    "dots": "... ?!",
    "one": "zero",
}


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "t.csv"
    lines = ["clip_id,text,duration", *(f'{clip_id},"{text}",2' for clip_id, text in ODD.items())]
    path.write_text("\n".join(lines))
    words_path(path).write_text("clip_id,start,end,word\none,1.5,2.75,zero\n")
    return path


@pytest.fixture
def options(text_model) -> TextOptions:
    return TextOptions(text_model("xlm-roberta"), device="cpu", shard_mb=0.001)


def test_odd_texts(table, options, tmp_path) -> None:
    done = encode_text([table], tmp_path / "c", options)
    assert (done.clips, done.encoded, done.failures) == (7, 5, ())
    assert done.no_speech == ("dots", "empty")
    reader = CacheReader(tmp_path / "c")
    assert set(reader.clip_ids) == ODD.keys() - {"dots", "empty"}
    assert {c for c in reader.clip_ids if reader[c].clip["windowed"]} == {"long"}
    assert reader.num_frames("long") > 3000
    assert reader["one"].frames["times"][1].tolist() == [1.5, 2.0]  # its word ends beyond the clip
    assert reader["one"].clip["cls"].shape == (32,)
    notes = {
        record.content.notes["one"]["late_words"] for record in reader.records if "one" in record.clip_ids
    }
    assert notes == {1}
    assert not verify(tmp_path / "c").findings
    assert encode_text([table], tmp_path / "c", options).encoded == 0


def test_a_cache_behind_a_url_is_the_one_of_a_folder(table, options, tmp_path, bucket) -> None:
    command = ["text", str(table), "--out", str(bucket / "c"), "--model", options.model, "--device", "cpu"]
    ran = CliRunner().invoke(app, [*command, "--shard-mb", "0.001"], catch_exceptions=False)
    assert ran.exit_code == 0, ran.output
    encode_text([table], tmp_path / "c", options)
    assert diff(tmp_path / "c", bucket / "c", exact=True) == []
    table.write_text(table.read_text().replace("zero", "nine"))
    done = encode_text([table], bucket / "c", options)
    assert (done.encoded, done.cached, done.touched) == (0, 5, 1)


def test_batches_and_shards_change_no_value(table, text_model, options, tmp_path) -> None:
    encode_text([table], tmp_path / "one", options)
    alone = TextOptions(text_model("xlm-roberta"), device="cpu", batch_tokens=1)
    encode_text([table], tmp_path / "two", alone)
    one, two = CacheReader(tmp_path / "one"), CacheReader(tmp_path / "two")
    for clip_id in one.clip_ids:
        ours, theirs = (reader[clip_id].frames["hidden_states/3"] for reader in (one, two))
        assert (
            np.abs(ours.astype(np.float32) - theirs.astype(np.float32)).max() <= 2e-3
        )  # one step of float16
    assert not diff(tmp_path / "one", tmp_path / "two")


def test_a_mended_transcript_is_noticed_and_encoded_again_when_asked(table, options, tmp_path) -> None:
    out = tmp_path / "c"
    encode_text([table], out, options)
    before = CacheReader(out)["one"].frames["hidden_states/3"].copy()
    table.write_text(table.read_text().replace("zero", "nine").replace("שלום", ""))
    table.write_text(table.read_text().replace("مرحبا بالعالم", ""))
    done = encode_text([table], out, options)
    assert (done.touched, done.updated, done.emptied) == (2, 0, ("arabic",))
    assert np.array_equal(CacheReader(out)["one"].frames["hidden_states/3"], before)
    update = TextOptions(**{**vars(options), "update": True})
    done = encode_text([table], out, update)
    assert (done.touched, done.updated, done.encoded) == (0, 2, 2)
    assert not np.array_equal(CacheReader(out)["one"].frames["hidden_states/3"][:4], before[:4])
    assert encode_text([table], out, update).encoded == 0


def test_transcripts_made_in_another_way_are_refused(table, options, tmp_path) -> None:
    encode_text([table], tmp_path / "c", options)
    recipe_path(table).write_text(json.dumps({"model": "other"}))
    with pytest.raises(RecipeMismatchError, match="transcripts: not known"):
        encode_text([table], tmp_path / "c", options)


def test_transcripts_of_other_programs(options, tmp_path) -> None:
    folder = tmp_path / "said"
    folder.mkdir()
    (folder / "a.txt").write_bytes(b"\xef\xbb\xbfone\r\ntwo")
    (folder / "b.srt").write_text("1\n00:00:00,000 --> 00:00:04,000\nthree four\n")
    (folder / "c.vtt").write_text("WEBVTT\n\n00:00.000 --> 00:01.000\nfive\n")
    (folder / "d.json").write_text(json.dumps({"text": "six", "segments": []}))
    (folder / "e.json").write_text("{}")
    done = encode_text([folder], tmp_path / "c", options)
    assert (done.encoded, [failure.clip_id for failure in done.failures]) == (4, ["e"])
    reader = CacheReader(tmp_path / "c")
    assert reader["a"].frames["times"].max() == 0  # nobody said when
    assert reader["b"].frames["times"][-1].tolist() == [4.0, 4.0]
    (folder / "a.json").write_text(json.dumps({"text": "other"}))
    done = encode_text([folder], tmp_path / "c", options)
    assert (done.encoded, done.touched) == (0, 1)
    assert done.notes[0] == "1 clip with json, txt side by side: json is taken"
    assert done.notes[1].startswith("of 1 clip other files say other words: a;")
    (folder / "a.wav.json").write_text(json.dumps({"text": "other"}))
    with pytest.raises(SourceError, match="two transcripts"):
        encode_text([folder], tmp_path / "c", options)


def test_every_command_takes_such_a_cache(table, options, tmp_path) -> None:
    encode_text([table], tmp_path / "a", options)
    other = tmp_path / "u.csv"
    other.write_text("clip_id,text\nmore,one two three\n")
    encode_text([other], tmp_path / "b", options)
    paths = {name: str(tmp_path / name) for name in ("a", "b", "joined", "small", "files")}
    for arguments in (
        ["info", paths["a"]],
        ["verify", paths["a"]],
        ["diff", paths["a"], paths["a"], "--exact"],
        ["merge", paths["a"], paths["b"], "--out", paths["joined"]],
        ["compact", paths["joined"], paths["small"], "--project", "8", "--pool", "2", "--no-measure"],
        ["export", paths["joined"], paths["files"]],
    ):
        shown = CliRunner().invoke(cache_app, arguments)
        assert shown.exit_code == 0, shown.output
    assert set(CacheReader(paths["joined"]).frame_fields) == {"hidden_states/3", "times"}
    assert CacheReader(paths["small"]).frame_fields["hidden_states/3"].width == 8


def test_the_times_are_no_features_for_training(table, options, tmp_path) -> None:
    from train.features.inputs import choose_inputs

    encode_text([table], tmp_path / "c", options)
    inputs = choose_inputs(CacheReader(tmp_path / "c"), None, vad=False)
    assert (inputs.fields, inputs.width) == (("hidden_states/3",), 32)


def test_the_command_says_what_it_did(table, text_model, tmp_path) -> None:
    arguments = ["text", str(table), "--out", str(tmp_path / "c"), "--model", str(text_model())]
    shown = CliRunner().invoke(app, [*arguments, "--device", "cpu", "--prefix", "query: "])
    assert shown.exit_code == 0, shown.output
    assert "5 of 7 clips cached" in shown.output
    assert "2 without text (no_speech): dots, empty" in shown.output
