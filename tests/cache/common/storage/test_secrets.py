"""Nothing that opens a store's door is printed."""

from __future__ import annotations

import pytest

from cache.common.storage.secrets import scrubbed


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("error at https://me:word@host/b/c: no", "error at https://…@host/b/c: no"),
        ("http://me:wo/rd@host/b, s3://me:w@rd@b/c", "http://…@host/b, s3://…@b/c"),
        ("http://host:80/a@b and s3://b/a@b", "http://host:80/a@b and s3://b/a@b"),
        ("GET http://h/b?X-Amz-Signature=abc&X-Amz-Credential=AK in 3 ms", "GET http://h/b?… in 3 ms"),
        ("https://h/c?sv=2024&sig=abc%3D", "https://h/c?…"),
        ("authorization: AWS4-HMAC-SHA256 Credential=AKI/2026, Signature=ff", "authorization …"),
        ("x-amz-security-token=abcdef rest", "x-amz-security-token …"),
        ("body AWSAccessKeyId=AKI&Signature=ff", "body AWSAccessKeyId=…&Signature=…"),
        ("is it there? yes", "is it there? yes"),
    ],
)
def test_urls_signatures_and_headers_are_taken_out(text, said) -> None:
    assert scrubbed(text) == said


def test_what_the_environment_keeps_is_taken_out(monkeypatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a secret/with+signs")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "another")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert scrubbed("a secret/with+signs, another in eu-west-1") == "…, … in eu-west-1"
