"""A run into a cache behind a URL makes what a run into a folder makes, and is continued there."""

from __future__ import annotations

import json
import os
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from cache import diff
from cache.common.storage.url_path import place
from extract.__main__ import app
from extract.preflight.folder_checks import folder_checks
from extract.run.extract import extract


@pytest.fixture
def stopped_after(monkeypatch):
    """Let a run fail when it has committed some shards."""
    from cache.writer import CacheWriter

    commit = CacheWriter.commit

    def limit(count: int) -> None:
        done = []

        def counting(self, *given):
            if len(done) == count:
                raise KeyboardInterrupt
            done.append(given)
            return commit(self, *given)

        monkeypatch.setattr(CacheWriter, "commit", counting)

    return limit


def test_a_run_stopped_and_continued_makes_the_cache_of_a_folder(
    clips, options, reference, bucket, stopped_after, monkeypatch
) -> None:
    url = bucket / "caches" / "c"
    stopped_after(2)
    with pytest.raises(KeyboardInterrupt):
        extract(clips, str(url), options)
    monkeypatch.undo()
    model = ["--model", options.encoder.model, "--device", "cpu", "--shard-mb", str(options.shard_mb)]
    done = CliRunner().invoke(app, ["run", str(clips), "--out", str(url), *model, "--json"])
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert (said["out"], said["cached"]) == (str(url), 12)
    assert 0 < said["extracted"] < 12
    assert diff(reference, url, exact=True) == []
    done = CliRunner().invoke(app, ["run", str(clips), "--out", str(url), *model])
    assert "nothing to extract" in done.stdout
    objects = b"".join(url.storage.read(entry.name).data for entry in url.storage.list(""))
    for secret in ("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"):
        assert os.environ[secret].encode() not in objects
        assert os.environ[secret] not in done.output


def test_media_in_a_bucket_make_the_cache_that_local_ones_make(
    clips, options, reference, bucket, tmp_path
) -> None:
    for path in clips.iterdir():
        (bucket / "raw").storage.put_if_absent(path.name, path.read_bytes())
    table = tmp_path / "ids.csv"
    table.write_text("\n".join(["clip_id", *(path.stem for path in sorted(clips.iterdir())), "missing"]))
    summary = extract(table, tmp_path / "c", replace(options, media=(str(bucket / "raw"),)))
    assert (summary.extracted, [failure.reason for failure in summary.failures]) == (12, ["not_found"])
    assert diff(reference, tmp_path / "c", exact=True) == []
    again = extract(bucket / "raw", tmp_path / "c", options)
    assert (again.extracted, again.cached, again.touched) == (0, 12, 0)
    manifest = tmp_path / "m.csv"
    manifest.write_text(f"clip_id,path\n00000,{bucket}/raw/00000.wav\nlost,{bucket}/raw/lost.wav\n")
    summary = extract(manifest, tmp_path / "d", options)
    assert [(failure.clip_id, failure.reason) for failure in summary.failures] == [("lost", "not_found")]
    assert summary.extracted == 1


def test_the_doctor_says_whether_a_store_is_fit_for_several_writers(bucket, options, bench, tmp_path) -> None:
    [checked] = list(folder_checks(bucket / "c", options, None))
    assert (checked.name, checked.state) == ("conditions", "ok")
    assert "any number of writers" in checked.found
    stores = bench("object_stores")
    (tmp_path / "bucket").mkdir()
    server = stores.on_disk(tmp_path)
    with stores.lead_to(server.port):
        [checked] = list(folder_checks(place("s3://bucket/c"), options, None))
        assert checked.state == "warning"
        assert "If-Match takes a tag that an object no longer has" in checked.found
        [checked] = list(folder_checks(place("s3://missing/c"), options, None))
        assert checked.state == "FAILED"
    server.kill()
