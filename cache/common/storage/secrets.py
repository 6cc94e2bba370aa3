"""What opens a store's door is taken out of everything that is said about it."""

from __future__ import annotations

import os
import re

HIDDEN = "…"
SCHEME = r"(?:[a-z][a-z0-9+.-]*://|\b(?:s3|gs|az|https?|ftp):/)"  # as of a path, too, which has one slash
USER = re.compile(
    rf"({SCHEME})(?:[^/\s]*@|[^/:\s]*:(?!\d{{1,5}}/)[^\s@]*@)", re.IGNORECASE
)  # a/b is a password, too
QUERY = re.compile(r"([a-z][a-z0-9+.-]*:/+[^\s?\"'<>]*)\?[^\s\"'<>)]*", re.IGNORECASE)
NAMED = re.compile(
    r"(?i)\b(AWSAccessKeyId|[\w-]*(?:signature|credential|token|secret|password|sig))=[^\s&\"'<>]+"
)
HEADER = re.compile(r"(?i)\b(authorization|x-amz-security-token)\b[\"']?\s*[:=]\s*[^\n]*")
VARIABLE = re.compile(r"(?i)^(AWS|AZURE|GOOGLE|GCP|GCS|GS)_.*(KEY|TOKEN|SECRET|PASSWORD|SAS|CREDENTIAL)")
SHORTEST = 4  # letters of a value that is worth hiding


def scrubbed(text: str) -> str:
    """Return text without users, passwords and queries of URLs, signatures, and what the environment keeps."""
    for value in _values():
        text = text.replace(value, HIDDEN)
    return NAMED.sub(rf"\1={HIDDEN}", without_passwords(HEADER.sub(rf"\1 {HIDDEN}", text)))


def without_passwords(text: str) -> str:
    """Return text with neither user nor password nor query in any URL."""
    return QUERY.sub(rf"\1?{HIDDEN}", USER.sub(rf"\1{HIDDEN}@", text)) if ":/" in text else text


def _values() -> list[str]:
    values = {value for name, value in os.environ.items() if VARIABLE.match(name) and len(value) >= SHORTEST}
    return sorted(values, key=len, reverse=True)
