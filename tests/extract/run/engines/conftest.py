"""A small Ray cluster of two machines, both of which are this one; its workers encode slowly."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

SLOW = """
import os, sys, time
if any("default_worker" in part for part in sys.orig_argv):
    import numpy, numpy.lib.stride_tricks as tricks
    hold = os.path.join(os.path.dirname(__file__), "hold")
    def slowed(plain):
        def slow(*values, **more):
            time.sleep(0.1)
            while os.path.exists(hold):
                time.sleep(0.02)
            return plain(*values, **more)
        return slow
    tricks.sliding_window_view = slowed(tricks.sliding_window_view)  # of the log-mel encoder, once a clip
    numpy.mean = slowed(numpy.mean)  # of the text encoder, once a transcript
"""
RECOGNISER = """
import numpy
from types import SimpleNamespace as Made

class WhisperModel:
    supported_languages = ["en"]
    def __init__(self, *_, **__): pass
    def transcribe(self, samples, **_):
        numpy.mean(samples)
        text = f" it has {len(samples)}"
        words = [Made(word=text, start=0.5, end=0.6, probability=0.5)]
        return [Made(text=text, words=words, no_speech_prob=0.1, compression_ratio=1.0)], Made(language="en")
"""


class Machines:
    """The cluster: its address, and the machine that may be killed."""

    def __init__(self, folder: Path) -> None:
        from ray.cluster_utils import Cluster

        arguments = {"num_cpus": 1, "object_store_memory": 80_000_000, "include_dashboard": False}
        self._cluster = Cluster(initialize_head=True, head_node_args=arguments)
        self.address = self._cluster.address
        self.folder = folder
        self._second: object = None

    def hold(self) -> None:
        """Let workers begin, and none finish a clip, until ``go``."""
        (self.folder / "hold").touch()

    def go(self) -> None:
        """Let them finish."""
        (self.folder / "hold").unlink()

    def add(self) -> None:
        """Add a second machine, if it is not there, and wait until Ray knows who is there and who is not."""
        if self._second is None:
            self._second = self._cluster.add_node(num_cpus=1, object_store_memory=80_000_000)
            self._cluster.wait_for_nodes()

    def kill(self) -> None:
        """Kill the second machine: SIGKILL to everything on it."""
        self._cluster.remove_node(self._second, allow_graceful=False)
        self._second = None

    def close(self) -> None:
        self._cluster.shutdown()


@pytest.fixture(scope="module")
def machines(tmp_path_factory, root, s3_server, bench) -> Iterator[Machines]:
    """Machines whose environment leads to the S3 server; nobody but who gets it from there knows the way."""
    pytest.importorskip("ray", reason="needs Ray: pip install 'emi-fusion[ray]'")
    folder = tmp_path_factory.mktemp("ray")
    (folder / "sitecustomize.py").write_text(SLOW)
    (folder / "faster_whisper.py").write_text(RECOGNISER)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(folder), str(root)]))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_AUTH_MODE", "disabled")
        patch.setenv("OMP_NUM_THREADS", "1")
        for name, value in bench("object_stores").environment(s3_server.port).items():
            patch.setenv(name, value)
        made = Machines(folder)
        try:
            yield made
        finally:
            made.close()
