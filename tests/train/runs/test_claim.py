"""A run folder is claimed by one fit; another's is refused, and stays as it is."""

from __future__ import annotations

import json

import pytest

from train.errors import RunError
from train.runs.claim import claim, identity_in, is_finished

ONE = {"config": {"lr": 0.1}, "recipe_id": "r"}


def test_a_claimed_folder_is_that_of_one_fit(tmp_path):
    assert not claim(tmp_path, ONE, overwrite=False)
    assert json.loads((tmp_path / "environment.json").read_text()) == {"identity": ONE}
    assert not is_finished(tmp_path, ONE)
    other = {**ONE, "config": {"lr": 0.1, "fusion": "gated"}}
    with pytest.raises(
        RunError, match=r"an unfinished run of another fit, different in config \(fusion None"
    ):
        claim(tmp_path, other, overwrite=False)
    assert not claim(tmp_path, other, overwrite=True)
    with pytest.raises(RunError, match=r"config \(fusion 'gated' → None\).*replace it with --overwrite"):
        is_finished(tmp_path, ONE)
    (tmp_path / "metrics.json").write_text("{}")
    assert is_finished(tmp_path, other)
    (tmp_path / "checkpoint.safetensors").write_bytes(b"")  # of a fit that was killed behind its last file
    assert claim(tmp_path, other, overwrite=False)
    assert not (tmp_path / "checkpoint.safetensors").exists()


def test_checksums_of_a_fit_that_was_stopped_before_its_last_file_do_not_stand_in_its_way(tmp_path):
    claim(tmp_path, ONE, overwrite=False)
    (tmp_path / "checksums.json").write_text(
        '{"files": {}, "sha256": "%s"}' % "0"  # noqa: UP031
    )
    with pytest.raises(RunError, match=r"checksums\.json: does not hold what its own checksum says"):
        claim(tmp_path, ONE, overwrite=False)
    claim(tmp_path, ONE, overwrite=True)
    assert not (tmp_path / "checksums.json").exists()


@pytest.mark.parametrize("text", ["[]", '{"identity": []}', '{"identity": {"config": []}}', "[" * 100_000])
def test_an_environment_of_another_shape_is_another_fit_or_one_line(tmp_path, text):
    (tmp_path / "environment.json").write_text(text)
    with pytest.raises(RunError) as caught:
        claim(tmp_path, ONE, overwrite=False)
    assert "\n" not in str(caught.value)
    claim(tmp_path, ONE, overwrite=True)
    assert identity_in(tmp_path) == ONE
