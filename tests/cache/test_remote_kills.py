"""Some of the kills and faults of tests/bench: writers behind a URL, their server, and the network between them."""

from __future__ import annotations

import pytest

pytest.importorskip("localbucket", reason="needs localbucket: pip install 'emi-fusion[dev]'")


def test_what_is_committed_survives_kills_of_writers_and_server(bench) -> None:
    count = bench("kill_remote").run(kills=2, server_kills=1, store="hdf5", clips=20)
    assert (count["killed"], count["servers"]) == (2, 1)


def test_a_faulty_network_never_gives_wrong_bytes(bench, monkeypatch) -> None:
    remote = bench("bench_remote")
    monkeypatch.setattr(remote, "LATENCY", 0.005)
    ideal, faulty = remote.faults(12, shards=2, stall=0.2)
    assert faulty < 60 + 2 * ideal
