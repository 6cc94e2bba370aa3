"""How many workers a cluster has room for, and what is said where there is no Ray, no cluster or no room."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from extract.encoders.base import EncoderOptions
from extract.errors import ExtractError
from extract.options import EngineOptions, ExtractOptions
from extract.run.engines import ray_cluster
from extract.run.engines.ray_cluster import Layout, joined, layout, load_ray
from extract.run.extract import extract
from extract.run.opening import with_cached_precision
from extract.run.sound_run import SoundRun
from extract.run.stopping import StopRequest


def node(cpus: float, gpus: float = 0.0, alive: bool = True) -> dict[str, object]:
    return {"Alive": alive, "Resources": {"CPU": cpus, **({"GPU": gpus} if gpus else {})}}


def ray(model: str = "some/model", **engine: object) -> ExtractOptions:
    return ExtractOptions(EncoderOptions(model), EngineOptions("ray", **engine))


@pytest.mark.parametrize(
    ("nodes", "options", "expected"),
    [
        ([node(8), node(8)], ray(), Layout(2, 8, 0.0)),
        ([node(8), node(8)], ray(workers=4), Layout(4, 4, 0.0)),
        ([node(8), node(8)], ray(workers=3), Layout(3, 4, 0.0)),
        ([node(8), node(4), node(64, alive=False)], ray(), Layout(2, 4, 0.0)),
        ([node(0), node(8)], ray(), Layout(1, 8, 0.0)),
        ([node(4), node(32, 4), node(16, 4)], ray(), Layout(8, 4, 1.0)),
        ([node(4), node(32, 4)], ray(gpus_per_worker=0.5), Layout(8, 4, 0.5)),
        ([node(4), node(32, 4)], ray(gpus_per_worker=2), Layout(2, 16, 2.0)),
        ([node(4), node(32, 4)], ray(gpus_per_worker=0), Layout(2, 4, 0.0)),
        ([node(4), node(32, 4)], ray("logmel"), Layout(2, 4, 0.0)),
        ([node(4), node(32, 4)], ray(workers=2, cpus_per_worker=3), Layout(2, 3, 1.0)),
    ],
)
def test_one_worker_a_gpu_or_a_machine_with_an_equal_share_of_the_cores(nodes, options, expected) -> None:
    assert layout(nodes, options.engine, may_use_gpus=SoundRun(Path(), options).may_use_gpus) == expected
    assert expected.device == ("cuda" if expected.gpus else "cpu")


@pytest.mark.parametrize(
    ("nodes", "options", "message"),
    [
        ([node(8)], ray(gpus_per_worker=1), "a worker of 1 CPUs and 1 GPUs, found 8 CPUs and 0 GPUs; choose"),
        ([node(2), node(4)], ray(cpus_per_worker=8), "found 2 CPUs and 0 GPUs; 4 CPUs and 0 GPUs"),
        ([node(8, alive=False)], ray(), "found no machine"),
    ],
)
def test_no_room_is_one_line(nodes, options, message) -> None:
    with pytest.raises(ExtractError, match=message):
        layout(nodes, options.engine, may_use_gpus=True)


def test_without_ray_one_line_says_how_to_get_it(monkeypatch, tmp_path, clips) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(ray_cluster, "import_module", missing)
    with pytest.raises(ExtractError, match=r"pip install 'emi-fusion\[ray\]'"):
        load_ray()
    with pytest.raises(ExtractError, match="--engine ray needs Ray"):
        extract(clips, tmp_path / "c", ray("logmel"))


def test_an_address_where_nobody_answers_is_one_line(monkeypatch) -> None:
    pytest.importorskip("ray", reason="needs Ray: pip install 'emi-fusion[ray]'")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    for where, message in [
        (address, "nobody answers there"),
        ("ray://host:10001", "expected auto or HOST:PORT"),
        ("host", "expected auto or HOST:PORT"),
        ("host:²", "expected auto or HOST:PORT"),
        ("me:word@host:1", "found …@host:1, expected auto or HOST:PORT"),
    ]:
        with pytest.raises(ExtractError, match=f"^--address.*{message}"), joined(where, StopRequest(1)):
            pass
        monkeypatch.setenv("RAY_ADDRESS", where)
        with pytest.raises(ExtractError, match=f"^RAY_ADDRESS.*{message}"), joined(None, StopRequest(1)):
            pass


def test_nobody_is_told_that_it_ran(monkeypatch) -> None:
    pytest.importorskip("ray", reason="needs Ray: pip install 'emi-fusion[ray]'")
    monkeypatch.delenv("RAY_USAGE_STATS_ENABLED", raising=False)
    load_ray()
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"


@pytest.mark.parametrize("field", ["address", "workers", "gpus_per_worker", "cpus_per_worker"])
def test_options_of_ray_need_ray(field) -> None:
    value = "auto" if field == "address" else 1
    with pytest.raises(ExtractError, match=f"^--{field.replace('_', '-')}: only with --engine ray"):
        EngineOptions(**{field: value})


def test_a_new_cache_has_the_precision_of_the_gpus_that_it_is_to_be_made_on(tmp_path) -> None:
    for options, expected in [
        (ray(gpus_per_worker=1), "float16"),
        (ray(gpus_per_worker=0), "auto"),
        (ray(), "auto"),
        (ray("logmel", gpus_per_worker=1), "auto"),
    ]:
        assert with_cached_precision(options, tmp_path / "new").encoder.precision == expected
