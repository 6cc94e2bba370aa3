"""A store in this process that speaks S3, and what Google's store adds to it, rightly or in odd ways.

Of Google's it does what the documentation of the XML interface says: ``x-goog-generation`` numbers the versions of
an object, and ``x-goog-if-generation-match`` is a condition on that number.
"""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape


class OddStore:
    """The store; one bucket, whatever its name.

    Attributes:
        objects: key → bytes and generation.
        odd: what it does otherwise than it should: ``no-put-tag``, ``no-tag``, ``whole`` (ranges are not known),
            ``short``, ``long``, ``shifted`` (answers to ranges), ``unordered`` lists, ``redirect``, ``region``, and
            the codes of errors, such as ``403 AccessDenied``.
        page: names in one answer of a list.
        port: that it listens on.
        requests: method and path of each.
    """

    def __init__(self) -> None:
        self.objects: dict[str, tuple[bytes, int]] = {}
        self.odd, self.page, self.requests = "", 1000, []
        self._generation, self._lock = 0, threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, *_) -> None:
                pass

            def serve(handler) -> None:
                body = handler.rfile.read(int(handler.headers.get("content-length") or 0))
                with self._lock:
                    status, headers, data = self._answer(handler, body)
                handler.send_response(status)
                for name, value in {"Content-Length": str(len(data)), **headers}.items():
                    handler.send_header(name, value)
                handler.end_headers()
                if handler.command != "HEAD":
                    handler.wfile.write(data)

            do_GET = do_PUT = do_HEAD = do_DELETE = serve

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=lambda: self._server.serve_forever(0.01), daemon=True).start()

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, asked, body):
        url = urlsplit(asked.path)
        self.requests.append((asked.command, asked.path))
        if self.odd[:3].isdigit():
            return _error(*self.odd.split())
        if self.odd == "redirect":
            return 307, {"Location": f"http://127.0.0.1:{self.port}/x?X-Amz-Signature=hidden"}, b""
        return self._asked(asked, url, body)

    def _asked(self, asked, url, body):
        key = unquote(url.path).lstrip("/").partition("/")[2]
        if not key:
            return self._list({name: values[0] for name, values in parse_qs(url.query).items()})
        found = self.objects.get(key)
        if asked.command == "PUT":
            return self._put(key, found, asked.headers, body)
        if found is None:
            return _error("404", "NoSuchKey")
        if asked.command == "DELETE":
            del self.objects[key]
            return 204, {}, b""
        return self._get(found, asked)

    def _put(self, key, found, headers, body):
        tag, generation = _tag(found[0]) if found else None, str(found[1] if found else 0)
        if headers.get("If-Match") and found is None:
            return _error("404", "NoSuchKey")
        wrong = [
            headers.get("If-None-Match") == "*" and found is not None,
            headers.get("If-Match", tag) != tag,
            headers.get("x-goog-if-generation-match", generation) != generation,
        ]
        if any(wrong):
            return _error("412", "PreconditionFailed")
        self._generation += 1
        self.objects[key] = body, self._generation
        more = {"ETag": _tag(body)} if self.odd not in ("no-put-tag", "no-tag") else {}
        return 200, {"x-goog-generation": str(self._generation), **more}, b""

    def _get(self, found, asked):
        data, generation = found
        headers = {"Last-Modified": formatdate(usegmt=True), "x-goog-generation": str(generation)}
        headers |= {"ETag": _tag(data)} if self.odd != "no-tag" else {}
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", asked.headers.get("Range", ""))
        if asked.command == "HEAD":
            return 200, headers | {"Content-Length": str(len(data))}, b""
        if not wanted or self.odd == "whole":
            return 200, headers, data
        start, stop = int(wanted[1]), min(int(wanted[2]) + 1, len(data))
        if start >= len(data):
            return _error("416", "InvalidRange")
        part, by = data[start:stop], self.odd == "shifted"
        part = (
            part[: len(part) // 2] if self.odd == "short" else part + b"more" if self.odd == "long" else part
        )
        return 206, headers | {"Content-Range": f"bytes {start + by}-{stop - 1 + by}/{len(data)}"}, part

    def _list(self, query):
        now = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter")
        found: dict[str, bool] = {}  # name → whether it stands for a folder
        for key in sorted(self.objects, reverse=self.odd == "unordered"):
            if key.startswith(prefix):
                inside, slash, _ = key.removeprefix(prefix).partition(delimiter or "\0")
                found[prefix + inside + slash] = bool(slash)
        start = int(query.get("continuation-token", 0))
        some, more = list(found.items())[start : start + self.page], start + self.page < len(found)
        lines = [f"<ListBucketResult><IsTruncated>{str(more).lower()}</IsTruncated>"]
        lines += [f"<NextContinuationToken>{start + self.page}</NextContinuationToken>"] if more else []
        for name, is_folder in some:
            if is_folder:
                lines.append(f"<CommonPrefixes><Prefix>{escape(name)}</Prefix></CommonPrefixes>")
            else:
                data = self.objects[name][0]
                lines.append(
                    f"<Contents><Key>{escape(name)}</Key><LastModified>{now}</LastModified>"
                    f"<ETag>{escape(_tag(data))}</ETag><Size>{len(data)}</Size></Contents>"
                )
        return 200, {"Content-Type": "application/xml"}, "".join([*lines, "</ListBucketResult>"]).encode()


def _tag(data: bytes) -> str:
    return f'"{hashlib.sha256(data).hexdigest()[:32]}"'


def _error(status: str, code: str):
    return (
        int(status),
        {},
        f"<Error><Code>{code}</Code><Message>secret of the body</Message></Error>".encode(),
    )


@contextmanager
def odd_store() -> Iterator[OddStore]:
    """Start a store, and end it."""
    store = OddStore()
    try:
        yield store
    finally:
        store.close()


def google(port: int) -> dict[str, str]:
    """Return the variables that lead ``gs://`` to a store."""
    key = '{"disable_oauth": true, "client_email": "", "private_key": "", "private_key_id": ""}'
    return {"GOOGLE_BASE_URL": f"http://127.0.0.1:{port}", "GOOGLE_SERVICE_ACCOUNT_KEY": key}
