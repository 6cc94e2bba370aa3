"""For the HTML page: folders, sounds, and a browser, Chromium, driven over the WebDriver protocol."""

from __future__ import annotations

import base64
import dataclasses
import json
import math
import os
import shutil
import socket
import struct
import subprocess
import time
import urllib.error
import urllib.request
import wave
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from train.report.html.source import Clips, Row, Source
from train.scores.folds import Fold

DRIVER = "chromedriver"
PATIENCE = 20.0  # seconds
FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--mute-audio",
    "--window-size=1400,1000",
]
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # what the protocol calls a reference to an element
KEYS = {"Tab": "\ue004", "Enter": "\ue007", "Right": "\ue014", "Left": "\ue012", "Up": "\ue013", "Space": " "}


class Browser:
    """One window. ``requests`` and ``complaints`` are what it asked for and wrote to its console."""

    def __init__(self, address: str, profile: Path) -> None:
        self.address, self.session = address, ""
        options = {"args": [*FLAGS, f"--user-data-dir={profile}"]}
        logs = {"browser": "ALL", "performance": "ALL"}
        wanted = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": logs}
        found = self._call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self.session = f"/session/{found['sessionId']}"

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.address + self.session + path, data, method=method)
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            with error:
                raise AssertionError(json.load(error)["value"]["message"]) from None

    def open(self, page: Path) -> None:
        self._call("POST", "/se/log", {"type": "browser"})
        self._call("POST", "/se/log", {"type": "performance"})
        self._call("POST", "/url", {"url": page.as_uri()})

    def run(self, script: str, *arguments: Any) -> Any:
        return self._call("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def find(self, selector: str) -> str:
        found = self._call("POST", "/element", {"using": "css selector", "value": selector})
        return str(found[ELEMENT])

    def click(self, selector: str) -> None:
        self._call("POST", f"/element/{self.find(selector)}/click", {})

    def type(self, selector: str, text: str) -> None:
        self._call("POST", f"/element/{self.find(selector)}/value", {"text": text})

    def press(self, *names: str) -> None:
        steps = [{"type": kind, "value": KEYS[name]} for name in names for kind in ("keyDown", "keyUp")]
        self._call("POST", "/actions", {"actions": [{"type": "key", "id": "keys", "actions": steps}]})

    def point(self, selector: str, x: float, y: float, *, click: bool = False) -> None:
        """Move the mouse to a place of an element, in pixels from its corner."""
        self.run("arguments[0].scrollIntoView({block: 'center'})", {ELEMENT: self.find(selector)})
        box = self.run(
            "const b = arguments[0].getBoundingClientRect(); return [b.x, b.y]",
            {ELEMENT: self.find(selector)},
        )
        steps: list[dict[str, Any]] = [
            {"type": "pointerMove", "duration": 0, "x": round(box[0] + x), "y": round(box[1] + y)}
        ]
        if click:
            steps += [{"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}]
        self._call("POST", "/actions", {"actions": [{"type": "pointer", "id": "mouse", "actions": steps}]})

    def until(self, script: str) -> Any:
        """Return what a script returns as soon as it returns something."""
        last = time.monotonic() + PATIENCE
        while not (found := self.run(script)):
            assert time.monotonic() < last, f"never came true: {script}"
            time.sleep(0.05)
        return found

    def media(self, **features: str) -> None:
        """Show the page as on paper (``media="print"``), or in another colour scheme (``scheme="dark"``)."""
        scheme = [{"name": "prefers-color-scheme", "value": features.get("scheme", "light")}]
        self.command("Emulation.setEmulatedMedia", media=features.get("media", ""), features=scheme)

    def command(self, name: str, **values: Any) -> Any:
        return self._call("POST", "/goog/cdp/execute", {"cmd": name, "params": values})

    def picture(self, path: Path) -> None:
        found = self.command("Page.captureScreenshot", captureBeyondViewport=True, format="png")
        path.write_bytes(base64.b64decode(found["data"]))

    @property
    def complaints(self) -> list[str]:
        return [each["message"] for each in self._call("POST", "/se/log", {"type": "browser"})]

    @property
    def requests(self) -> list[str]:
        entries = self._call("POST", "/se/log", {"type": "performance"})
        events = [json.loads(each["message"])["message"] for each in entries]
        return [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]

    def close(self) -> None:
        self._call("DELETE", "")


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if shutil.which(DRIVER) is None:
        pytest.skip(f"no {DRIVER} on the path: Debian's packages chromium and chromium-driver have one")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("browser")
    env = {**os.environ, "HOME": str(folder), "no_proxy": "127.0.0.1"}
    with (folder / "log").open("wb") as log:
        driver = subprocess.Popen([DRIVER, f"--port={port}"], stdout=log, stderr=log, env=env)
    try:
        address = f"http://127.0.0.1:{port}"
        last = time.monotonic() + PATIENCE
        while True:
            try:
                with urllib.request.urlopen(f"{address}/status", timeout=5):
                    break
            except OSError:
                assert time.monotonic() < last, "chromedriver did not start"
                time.sleep(0.1)
        window = Browser(address, folder / "profile")
        yield window
        window.close()
    finally:
        driver.terminate()
        driver.wait(PATIENCE)


@pytest.fixture(scope="session")
def source_of() -> Callable[..., Source]:
    """Make a folder as a page shows it, of rows that predict its labels worse and worse."""

    def make(
        rows: int = 2,
        ids: Sequence[str] | int = 40,
        names: Sequence[str] = ("a", "b", "c"),
        seed: int = 0,
        **changed: Any,
    ) -> Source:
        ids = [f"{n:05}" for n in range(ids)] if isinstance(ids, int) else ids
        clips, rng = len(ids), np.random.default_rng(seed)
        truth = rng.uniform(0, 1, (clips, len(names)))
        people = tuple(f"s{n // 5}" for n in range(clips))
        noise = [rng.standard_normal((2, *truth.shape)) * (n + 1) / 4 for n in range(rows)]
        shown = Clips(tuple(ids), truth, people, ("reported",) * clips, ("",) * clips, np.full(clips, 2.0))
        values: dict[str, Any] = {
            "path": Path("study"),
            "kind": f"{rows} rows",
            "metric": "pearson",
            "names": tuple(names),
            "clips": shown,
            "rows": tuple(
                Row(f"row {n}", (Fold(truth, truth + each, people),)) for n, each in enumerate(noise)
            ),
            "reference": "row 0",
            "family": 0,
            "caption": "A study.",
            "tables": (),
            "sections": (),
            "curves": {},
            "curves_show": "",
        }
        return dataclasses.replace(Source(**values), **changed)

    return make


@pytest.fixture(scope="session")
def tone() -> Callable[[Path], None]:
    """Write two seconds of a tone as WAV."""

    def write(path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        samples = [int(8000 * math.sin(2 * math.pi * 440 * n / 8000)) for n in range(16000)]
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(8000)
            file.writeframes(struct.pack(f"<{len(samples)}h", *samples))

    return write
