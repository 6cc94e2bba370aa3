"""What a store means when it says no, in this project's words: where, why, and what to do."""

from __future__ import annotations

import errno
import re

from cache.common.storage.protocol import DeniedError, EndedError, RemoteError
from cache.common.storage.secrets import scrubbed
from cache.common.storage.url_path import UrlPath

STATUS = re.compile(r"status code: ([45][0-9]{2})")
REQUEST = re.compile(r"Error performing [^\n]*? in [0-9.]+\S?s(?:, after [^\n]*?)? - ")
ENDPOINT = re.compile(r"https?://[^\s\"'<>)]+")  # the environment says it, and nobody else is told
NO_LIST = "by http a cache is read from a server with WebDAV (PROPFIND); or copy the cache to a folder"
VARIABLES = {  # of the environment, by the kind of store: its endpoint's, its credentials'
    "s3": ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID"),
    "gs": ("GOOGLE_BASE_URL", "GOOGLE_APPLICATION_CREDENTIALS"),
    "az": ("AZURE_STORAGE_ENDPOINT", "AZURE_STORAGE_ACCOUNT_KEY"),
}
FOREIGN = "no cache makes such names: look who did, and remove it with the store's own tools"
KNOWN = (
    (
        re.compile("ExpiredToken|TokenRefreshRequired|token (?:included in the request )?(?:is|has) expired"),
        "the credentials have expired",
        "get new ones and run again: what is finished is intact",
    ),
    (
        re.compile("RequestTimeTooSkewed"),
        "the store's clock and this machine's are too far apart",
        "set this one's and run again: what is finished is intact",
    ),
    (
        re.compile("redirect without LOCATION|PermanentRedirect|AuthorizationHeaderMalformed"),
        "the bucket lies in another region",
        "name it in the environment (AWS_REGION)",
    ),
    (re.compile("NoSuchBucket"), "no such bucket", "make it first, or name another"),
)
MAX_SAID = 200  # characters of what the library says
WAY_OUT = "emi-cache verify lists all damage"


def understood(place: UrlPath, error: Exception) -> RemoteError | FileNotFoundError:
    """Return what an error of the library means for an object, or for the folder of those that were listed."""
    from obstore.exceptions import NotFoundError, PermissionDeniedError, UnauthenticatedError

    text = str(error).partition("Debug source:")[0]
    status = STATUS.search(text)
    code = int(status[1]) if status else 0
    known = _known_reason(text, code)
    if known is not None:
        return RemoteError(place, *known)
    if isinstance(error, FileNotFoundError | NotFoundError):
        return FileNotFoundError(errno.ENOENT, "No such object", str(place))
    denials = PermissionDeniedError | UnauthenticatedError | PermissionError
    if isinstance(error, denials) or code in (401, 403):
        return DeniedError(place, "access denied", _denied(place))
    if code == 416 or "Wanted range starting at" in text:  # a range behind the end
        return EndedError(place, "ends before the bytes that were asked for", WAY_OUT)
    told = REQUEST.sub("", text.partition("<")[0])  # behind it what the server wrote, which may be anything
    told = " ".join(scrubbed(ENDPOINT.sub("…", told)).split())
    may_help = not (400 <= code < 500 or code == 501)
    return network(place, told[:MAX_SAID].rstrip(" :"), retry=may_help)


def network(place: UrlPath, reason: str, *, retry: bool = True) -> RemoteError:
    """Return the error of a request that came to nothing on the way, or may have."""
    variables = VARIABLES.get(place.scheme)
    endpoint = f", the endpoint ({variables[0]}, …)" if variables else ""
    way_out = f"check the network{endpoint} and run again: what is finished is intact"
    return RemoteError(place, reason, way_out, retry)


def _denied(place: UrlPath) -> str:
    variables = VARIABLES.get(place.scheme)
    where = f" in the environment ({variables[1]}, …)" if variables else ""
    return f"check the credentials{where} and the rights of their user"


def _known_reason(text: str, code: int) -> tuple[str, str] | None:
    """Return reason and way out of an error that is known by its words."""
    if "PROPFIND" in text and code in (403, 404, 405, 501):
        return "this server does not list its folders", NO_LIST
    for words, reason, way_out in KNOWN:
        if words.search(text):
            return reason, way_out
    if "invalid path" in text:
        named = " ".join(scrubbed(text).partition("invalid path: ")[2].split())[:MAX_SAID]
        return f"an object there has a name that is none ({named})", FOREIGN
    return None
