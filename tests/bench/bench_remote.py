"""A cache behind a URL over a slow and faulty network: what a fit waits for, and what faults cost a writer.

    python tests/bench/bench_remote.py [--clips 1500] [--latency 0.02] [--only fit|faults|scale] [--shards 2000]

``fit``: a compact cache (256 channels of int8), batches into an LSTM as a fit makes them; seconds waited for bytes,
from opening on, as a share of the first epoch with all before it: in memory, batch by batch, and with a local copy.
``faults``: a cache written and read again through latency alone, and with resets, truncated bodies, 503 and stalls;
every bit is compared. ``scale``: very many small shards, and what opening, planning and one more cost. The
server is moto, behind a proxy, on the same cores.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

import object_stores  # noqa: E402
import simulate_scale  # noqa: E402

from cache import CacheReader, CacheWriter, ClipFeatures, FrameField, diff  # noqa: E402
from cache.commit.copies import keep_copies  # noqa: E402
from cache.common.storage.remote import RemoteStorage  # noqa: E402
from cache.common.storage.url_path import in_threads, place  # noqa: E402
from cache.format import catalog  # noqa: E402
from cache.shards import remote_files  # noqa: E402

WIDTH, SHARDS = 256, 6
FIELD = "hidden_states/12"
BATCH = 32
PER_SHARD = 10  # clips, of ``scale``
LATENCY = 0.2  # seconds, of the network with faults


def write(path: Path | str, clips: int, shards: int = SHARDS) -> None:
    """Write a compact-like cache of clips of 46 to 92 frames."""
    writer = CacheWriter.open(
        path, {"model": "x", "weights_sha256": "a" * 64}, [FrameField(FIELD, WIDTH, np.dtype("i1"))]
    )
    draw = np.random.default_rng(0)
    for shard in np.array_split(np.arange(clips), shards):
        part = []
        for number in shard.tolist():
            values = draw.normal(size=(int(draw.integers(46, 93)), WIDTH)).astype(np.float32)
            mean = {FIELD: values.mean(0)}
            part.append(ClipFeatures(f"{number:05}", {FIELD: values}, mean, 9000, -20.0, "0" * 64, {}))
        writer.commit(part)


class Requests:
    """The seconds in which at least one request to a store was under way."""

    def __init__(self) -> None:
        self._seconds, self._under_way, self._since = 0.0, 0, 0.0
        self._lock, self._plain = threading.Lock(), RemoteStorage._again

        def timed(*given):
            return self._timed(*given)

        RemoteStorage._again = timed  # a function: it is given the storage it is of

    @property
    def seconds(self) -> float:
        """Until now."""
        return self._seconds

    def _timed(self, *given):
        with self._lock:
            self._since = self._since if self._under_way else time.perf_counter()
            self._under_way += 1
        try:
            return self._plain(*given)
        finally:
            with self._lock:
                self._under_way -= 1
                if not self._under_way:
                    self._seconds += time.perf_counter() - self._since


class Epoch(NamedTuple):
    """An epoch: its seconds, those that it waited for batches, and those in which requests were under way.

    Batches are waited for in a folder too, while they are read, checked and laid out: what the store costs lies
    between the difference to the folder and the time of the requests.
    """

    seconds: float
    waited: float
    requests: float


def epochs(path: Path, budget: float | None, requests: Requests) -> list[Epoch]:
    """Open a cache and train an LSTM on it for two epochs; all before the first one is part of it."""
    import torch

    from train import FitConfig
    from train.features.batches import BatchFeed, load_features

    torch.manual_seed(0)
    begun, before = time.perf_counter(), requests.seconds
    with CacheReader(path) as reader:
        config = FitConfig(vad=False, clip_vector="mean")
        features = load_features(reader, reader.clip_ids, config, budget=budget)
        opened = time.perf_counter() - begun
        head = torch.nn.LSTM(WIDTH, 64, batch_first=True)
        order = np.random.default_rng(0).permutation(len(reader.clip_ids))
        optimiser = torch.optim.SGD(head.parameters(), 1e-3)
        found = []
        for _ in range(2):
            feed = BatchFeed(features, torch.device("cpu"))
            for _, batch in feed(np.array_split(order, max(1, len(order) // BATCH))):
                optimiser.zero_grad()
                head(batch.frames)[0].square().mean().backward()
                optimiser.step()
            now = time.perf_counter()
            found.append(Epoch(now - begun, opened + feed.waited, requests.seconds - before))
            opened, begun, before = 0.0, now, requests.seconds
        return found


def fit(clips: int, latency: float) -> None:
    """Print what a fit waits for."""
    server = object_stores.moto()
    server.make_bucket("bucket")
    proxy = object_stores.Proxy(server.port)
    with tempfile.TemporaryDirectory() as folder, object_stores.lead_to(proxy.port):
        url, here, requests = place("s3://bucket/cache"), Path(folder) / "c", Requests()
        write(here, clips)
        write(url, clips)
        proxy.latency = latency
        epochs(here, None, requests)  # warms libraries
        as_here: dict[float | None, list[Epoch]] = {}
        for name, path, budget, local in (
            ("a folder, in memory", here, None, None),
            ("a folder, batch by batch", here, 0, None),
            ("URL, in memory", url, None, None),
            ("URL, batch by batch", url, 0, None),
            ("URL, --local, first run", url, 0, Path(folder) / "local"),
            ("URL, --local, second run", url, 0, Path(folder) / "local"),
        ):
            remote_files.forget()
            keep_copies(local)
            before = proxy.requests
            found = epochs(path, budget, requests)
            as_here.setdefault(budget, found)
            told = "; ".join(map(_told, ("first", "second"), found, as_here[budget]))
            print(f"{name:26} {told}; {proxy.requests - before} requests", flush=True)
        keep_copies(None)
    server.kill()


def _told(name: str, epoch: Epoch, here: Epoch) -> str:
    more = (epoch.waited - here.waited) / epoch.seconds
    return (
        f"{name} epoch {epoch.seconds:.2f} s: waited {epoch.waited / epoch.seconds:.1%}, {more:+.1%} against the "
        f"folder, requests under way {epoch.requests / epoch.seconds:.1%}"
    )


def faults(clips: int, shards: int = 8, stall: float = 10.0) -> tuple[float, float]:
    """Write and read through a network without and with faults; return the seconds of both."""
    server = object_stores.moto()
    server.make_bucket("bucket")
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / "c", clips, shards)
        for share in (0.0, 0.05):
            proxy = object_stores.Proxy(server.port, seed=1)
            proxy.latency = LATENCY
            proxy.resets = proxy.truncated = proxy.busy = share
            proxy.stalls, proxy.stall_seconds = share / 10, stall
            with object_stores.lead_to(proxy.port):
                begun = time.monotonic()
                url = place(f"s3://bucket/cache{share}")
                write(url, clips, shards)
                remote_files.forget()
                assert diff(Path(folder) / "c", url, exact=True) == []
                seconds.append(time.monotonic() - begun)
                print(
                    f"faults {share:.0%}: {seconds[-1]:.1f} s, {proxy.requests} requests, every bit as written"
                )
            proxy.close()
    server.kill()
    return seconds[0], seconds[1]


def scale(shards: int, latency: float) -> dict[str, tuple[float, int]]:
    """Open, plan and commit in a cache of very many shards; return step → (seconds, requests)."""
    server = object_stores.moto()
    server.make_bucket("bucket")
    proxy = object_stores.Proxy(server.port)
    found = {}
    with tempfile.TemporaryDirectory() as name, object_stores.lead_to(server.port):
        folder, url = Path(name), place("s3://bucket/cache")
        ids = simulate_scale.ids(shards * PER_SHARD)
        simulate_scale.make_media(folder, ids)
        simulate_scale.make_shards(folder, ids, PER_SHARD)
        files = [path for path in sorted((folder / "cache").rglob("*")) if path.is_file()]
        names = {path.relative_to(folder / "cache").as_posix(): path for path in files}
        in_threads(lambda each: url.storage.put_if_absent(each, names[each].read_bytes()), list(names))
        source = dict.fromkeys([*ids, "new"], simulate_scale.FRAMES)
        with object_stores.lead_to(proxy.port):
            proxy.latency = latency
            for step in ("open", "plan", "open again", "plan again", "one more shard"):
                proxy.kinds.clear()
                before, begun = proxy.requests, time.perf_counter()
                if step.startswith("open"):
                    assert len(CacheReader(url)) == len(ids)
                elif step.startswith("plan"):
                    writer = CacheWriter(url, catalog.read_description(url))
                    [plan] = writer.plan(source)
                else:
                    clip = simulate_scale.clip_of(writer.fields[0], "new")
                    assert writer.generations(["new"]) == {}  # knows who holds what
                    proxy.kinds.clear()
                    before, begun = proxy.requests, time.perf_counter()
                    lease = writer.lease(plan)
                    assert not writer.is_committed(plan)
                    assert writer.commit([clip], plan)
                    lease.release()
                found[step] = seconds, count = time.perf_counter() - begun, proxy.requests - before
                kinds = ", ".join(f"{name} {number}" for name, number in sorted(proxy.kinds.items()))
                print(f"{shards} shards, {step:14} {seconds:7.2f} s {count:6} requests: {kinds}", flush=True)
    proxy.close()
    server.kill()
    return found


def main() -> None:
    """Run it and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=1500)
    parser.add_argument("--latency", type=float, default=0.02)
    parser.add_argument("--only", choices=("fit", "faults", "scale"))
    parser.add_argument("--shards", type=int, default=2000)
    given = parser.parse_args()
    if given.only in (None, "fit"):
        fit(given.clips, given.latency)
    if given.only in (None, "scale"):
        scale(given.shards, given.latency)
    if given.only in (None, "faults"):
        ideal, faulty = faults(200)
        print(f"with faults {faulty / ideal:.2f} × the time without")


if __name__ == "__main__":
    main()
