"""The doors that a hostile cache, data folder, run folder or encoder may try: what each puts where.

A door is a name and a function that makes a sound ``Place`` hostile. ``CANARY`` is the content of all that lies
outside; no command has any business there.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

CANARY = "CANARY-8d1f"
ODD = "\x1b]0;title\x07\x1b[31m\x9b31m\r\u202e\u2028\x85\x7f"  # what a terminal obeys, and ends of lines
DEEP = "[" * 100_000
HUGE = 10**18
KINDS = ("pipe", "/dev/zero", "secret")
FOLDERS = ("shards", "failures", "leases", "writers", "damaged")


@dataclass(frozen=True)
class Place:
    """Where a door is tried.

    Attributes:
        inside: what was received: ``cache``, ``zarr``, ``compact``, ``sound``, ``source``, ``run``, ``encoder``, …
        outside: what nobody may touch.
        port: of the local server that nobody may ask.
    """

    inside: Path
    outside: Path
    port: int

    def put(self, name: str, kind: str) -> None:
        """Put a link, or a pipe of its own, in the place of a file."""
        path = self.inside / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
        if kind == "own pipe":
            os.mkfifo(path)
        elif kind == "sparse":
            with path.open("wb") as file:
                file.truncate(1 << 38)
        else:
            path.symlink_to(kind if kind.startswith("/") else self.outside / kind)

    def write(self, name: str, content: str | bytes) -> None:
        """Replace a file's content."""
        path = self.inside / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content)

    def edit(self, name: str, change: Callable[[dict[str, Any]], object]) -> None:
        """Change a JSON file's value in place."""
        path = self.inside / name
        value = json.loads(path.read_text())
        change(value)
        value.pop("own_checksum", None)
        path.write_text(json.dumps(value))

    def shard(self, suffix: str, cache: str = "cache") -> str:
        """Return the name, from ``inside``, of the first file of the shards with this suffix."""
        path = sorted((self.inside / cache / "shards").glob(f"*{suffix}"))[0]
        return str(path.relative_to(self.inside))


Door = tuple[str, Callable[[Place], object]]


def make_outside(folder: Path) -> None:
    """Make what lies outside: secrets, a pipe, and what a cleaner of caches would take for its own."""
    folder.mkdir()
    for name in ("secret", "secret.csv", "x.jsonl", "secret.wav", "metrics.json", "a-0.json"):
        (folder / name).write_text(f"clip_id,{CANARY}\n{CANARY},1\n")
    lease = json.dumps({"owner": CANARY, "host": "", "pid": 1, "until": 0.0})
    for name in ("a-0.h5.elsewhere.1.aaaaaaaa.tmp", "a-0.0.lease", "elsewhere.1.x.journal", ".x.partial"):
        (folder / name).write_text(lease)
        os.utime(folder / name, (0, 0))
    os.mkfifo(folder / "pipe")


def cache_doors() -> Iterator[Door]:
    """Yield the doors of a cache."""
    for name in FOLDERS:
        yield f"{name}/ is a link", lambda p, name=name: p.put(f"cache/{name}", ".")
    files = ("cache.json", "README.md", "compact.json", "projection.npz", "heard.json", "failures/x.jsonl",
             "leases/a-0.0.lease", "writers/e.1.x.journal", "damaged/x/a-0.json")  # fmt: skip
    for name in files:
        for kind in (*KINDS, "own pipe", "sparse"):
            yield f"{name} is {kind}", lambda p, name=name, kind=kind: p.put(f"cache/{name}", kind)
    for suffix in (".json", ".h5"):
        for kind in (*KINDS, "own pipe", "sparse"):
            yield f"a shard's {suffix} is {kind}", lambda p, s=suffix, k=kind: p.put(p.shard(s), k)
    yield "damaged/x is a link", lambda p: p.put("cache/damaged/x", ".")
    for name in ("..", "../..", "/tmp", ".", "", "a/../../..", "a\\b", f"x{ODD}", "x" * 300):
        yield (
            f"a field called {name[:20]!r}",
            lambda p, n=name: p.edit("cache/cache.json", lambda v: _rename(v["fields"], n)),
        )
        yield (
            f"an array called {name[:20]!r}",
            lambda p, n=name: p.edit(p.shard(".json"), lambda v: _rename(v["datasets"], f"frames/{n}")),
        )
        yield (
            f"a record's file {name[:20]!r}",
            lambda p, n=name: p.edit(p.shard(".json"), lambda v: v.update(file=n)),
        )
        yield (
            f"a clip called {name[:20]!r}",
            lambda p, n=name: p.edit(p.shard(".json"), lambda v: v["clip_ids"].__setitem__(0, n)),
        )
        yield (
            f"a store called {name[:20]!r}",
            lambda p, n=name: p.edit("cache/cache.json", lambda v: v.update(store=n)),
        )
    yield from _cache_text()
    yield from _cache_sizes()
    yield from _cache_types()


def _rename(values: dict[str, Any], name: str) -> None:
    first = next(iter(values))
    values[name] = values.pop(first)


def _recipe(p: Place, key: str, value: Any) -> None:
    """Change a recipe, and make its id and that of the records the one it has now."""

    def change(v: dict[str, Any]) -> None:
        v["recipe"][key], v["licence"] = value, str(value)
        text = json.dumps(v["recipe"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        v["recipe_id"] = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

    p.edit("cache/cache.json", change)
    recipe_id = json.loads((p.inside / "cache" / "cache.json").read_text())["recipe_id"]
    for path in (p.inside / "cache" / "shards").glob("*.json"):
        p.edit(str(path.relative_to(p.inside)), lambda v: v.update(recipe_id=recipe_id))


def _recipe_types(keys: tuple[str, ...]) -> Iterator[Door]:
    for key in keys:
        for value in (None, [[1]], {"a": []}, ODD, -1, HUGE, 0.5):
            yield f"recipe: {key} is {value!a}"[:60], lambda p, k=key, v=value: _recipe(p, k, v)


def _cache_text() -> Iterator[Door]:
    yield "recipe with escape sequences", lambda p: _recipe(p, "note", ODD)
    yield "recipe with half a surrogate pair", lambda p: _recipe(p, "note", "\udcff")
    yield "recipe 30 deep", lambda p: _recipe(p, "note", _nested(28))
    yield from _recipe_types(("precision", "max_seconds", "stored_dtype", "derived", "source_recipe"))
    for key, values in (("frame_shift", (0, -1, "x", None, HUGE)), ("dims", (7, [ODD], ["a"] * 9, None))):
        for value in values:
            yield (
                f"a field's {key} is {value!a}"[:60],
                lambda p, k=key, v=value: p.edit(
                    "cache/cache.json", lambda d: [f.update({k: v}) for f in d["fields"].values()]
                ),
            )
    for value in ("object", ">f2", "S5", "f4,f4", "float128", "complex64", "datetime64", "i1"):
        yield (
            f"a field's dtype is {value}",
            lambda p, v=value: p.edit(
                "cache/cache.json", lambda d: [f.update(dtype=v) for f in d["fields"].values()]
            ),
        )
    line = {"clip_id": f"a{ODD}", "path": ODD, "stage": ODD, "reason": ODD, "message": ODD, "time": 1.0}
    yield "ledger with escape sequences", lambda p: p.write("cache/failures/x.jsonl", json.dumps(line) + "\n")
    yield (
        "ledger with them as they are",
        lambda p: p.write(
            "cache/failures/x.jsonl",
            json.dumps({**line, "message": "\u2028\x85\u202e"}, ensure_ascii=False) + "\n",
        ),
    )
    yield (
        "a file's name with escape sequences",
        lambda p: p.write(f"cache/shards/{ODD.replace('/', '')}.json", "{}"),
    )
    yield "a file's name that is no UTF-8", lambda p: p.write("cache/shards/a\udcff.json", "{}")
    yield "a file's name that is a pattern", lambda p: p.write("cache/shards/*.json", "{}")


def _nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = {"a": value}
    return value


def _cache_sizes() -> Iterator[Door]:
    names = (
        "cache.json",
        "compact.json",
        "heard.json",
        "failures/x.jsonl",
        "leases/a-0.0.lease",
        "writers/e.1.x.journal",
    )
    for name in names:
        yield f"{name} of 100,000 [", lambda p, n=name: p.write(f"cache/{n}", DEEP)
        yield (
            f"{name} of 30 MB of {{}},",
            lambda p, n=name: p.write(f"cache/{n}", '{"a":[' + "{}," * 10**7 + "{}]}"),
        )
    yield "a record of 100,000 [", lambda p: p.write(p.shard(".json"), DEEP)
    yield "a record of 30 MB of {},", lambda p: p.write(p.shard(".json"), '{"a":[' + "{}," * 10**7 + "{}]}")
    pid = json.dumps({"owner": "", "host": "HOST", "pid": 10**40, "until": 2e9})
    yield (
        "a huge pid in a lease",
        lambda p: p.write("cache/leases/a-0.0.lease", pid.replace("HOST", os.uname().nodename)),
    )
    yield "odd numbers in names", lambda p: [p.write(f"cache/{n}", "x") for n in (
        *("leases/a-0.².lease", f"leases/a-0.{10**60}.lease"),
        *(f"shards/a-0.h5.x.{10**60}.a.tmp", "writers/x.².y.journal"))]  # fmt: skip
    for name, value in (("shard_mb", "NaN"), ("shard_mb", "1e999"), ("shard_mb", "-1"), ("shard_mb", "0")):
        yield f"{name} is {value}", lambda p, n=name, v=value: _raw(p, "cache/cache.json", n, v)
    for value in (HUGE, -1, 1e300):
        yield (
            f"a width of {value}",
            lambda p, v=value: p.edit(
                "cache/cache.json", lambda d: [f.update(width=v) for f in d["fields"].values()]
            ),
        )
        yield (
            f"num_frames of {value}",
            lambda p, v=value: p.edit(p.shard(".json"), lambda d: d["num_frames"].__setitem__(0, v)),
        )
        yield f"bytes of {value}", lambda p, v=value: p.edit(p.shard(".json"), lambda d: d.update(bytes=v))
        yield (
            f"arrays of {value} rows",
            lambda p, v=value: p.edit(
                p.shard(".json"),
                lambda d: [each["shape"].__setitem__(0, v) for each in d["datasets"].values()],
            ),
        )
        yield (
            f"a generation of {value}",
            lambda p, v=value: p.edit(p.shard(".json"), lambda d: d.update(generation=v)),
        )


def _raw(p: Place, name: str, key: str, text: str) -> None:
    p.edit(name, lambda value: value.update({key: "@@"}))
    p.write(name, (p.inside / name).read_text().replace('"@@"', text))


def _cache_types() -> Iterator[Door]:
    odd: tuple[Any, ...] = (None, [], {}, "x", 7, [[]], {"a": []}, True)
    for name in ("recipe", "fields", "store", "shard_mb", "licence", "format_version", "recipe_id"):
        for value in odd:
            yield (
                f"cache.json's {name} is {value!r}",
                lambda p, n=name, v=value: p.edit("cache/cache.json", lambda d: d.update({n: v})),
            )
    for name in (
        "clip_ids",
        "num_frames",
        "datasets",
        "planned",
        "sources",
        "versions",
        "supersedes",
        "checksum",
    ):
        for value in odd:
            yield (
                f"a record's {name} is {value!r}",
                lambda p, n=name, v=value: p.edit(p.shard(".json"), lambda d: d.update({n: v})),
            )


def shard_doors() -> Iterator[Door]:
    """Yield the doors inside a shard's file, with a record that fits it."""
    for kind in ("external link", "soft link", "external storage", "virtual", "groups", "cycle", "huge"):
        yield f"HDF5: {kind}", lambda p, k=kind: _hdf5(p, k)


def _hdf5(p: Place, kind: str) -> None:
    import h5py

    path = p.inside / p.shard(".h5")
    with h5py.File(path, "a") as file:
        target = str(p.outside / "secret")
        if kind == "external link":
            file["more"] = h5py.ExternalLink(target, "/x")
        elif kind == "soft link":
            file["more"] = h5py.SoftLink("/offsets")
        elif kind == "external storage":
            file.create_dataset("more", (3,), "f4", external=[(target, 0, 12)])
        elif kind == "virtual":
            layout = h5py.VirtualLayout((3,), "f4")
            layout[:] = h5py.VirtualSource(target, "x", (3,))
            file.create_virtual_dataset("more", layout)
        elif kind == "cycle":
            file["clips/again"] = file["/"]
        elif kind == "huge":
            file.create_dataset("more", (1 << 40,), "f4")
        else:
            group = file
            for _ in range(3000):
                group = group.create_group("g")
    _sign(p, path)


def _sign(p: Place, shard: Path) -> None:
    """Make the record's size and checksum those of the file, as an attacker would."""
    import google_crc32c

    data = shard.read_bytes()
    checksum = {"algorithm": "crc32c", "value": google_crc32c.value(data)}
    p.edit(p.shard(".json"), lambda value: value.update(bytes=len(data), checksum=checksum))


def zarr_doors() -> Iterator[Door]:
    """Yield the doors of a cache of Zarr shards, which stands in the place of the other one."""
    for inside in ("zarr.json", "clips/clip_id/c.0", "frames/logmel/zarr.json", "frames/logmel", "clips"):
        for kind in (*KINDS, "own pipe"):
            yield f"Zarr: {inside} is {kind}", lambda p, i=inside, k=kind: p.put(f"{p.shard('.zarr')}/{i}", k)
    yield (
        "Zarr: a zarr.json of 100,000 [",
        lambda p: p.write(f"{p.shard('.zarr')}/frames/logmel/zarr.json", DEEP),
    )
    for key, value in (
        ("shape", [HUGE, 3]),
        ("shape", "x"),
        ("data_type", "f4," * 99),
        ("codecs", []),
        ("chunk_grid", 7),
    ):
        yield (
            f"Zarr: {key} is {str(value)[:20]}",
            lambda p, k=key, v=value: p.edit(
                f"{p.shard('.zarr')}/frames/logmel/zarr.json", lambda d: d.update({k: v})
            ),
        )


def compact_doors() -> Iterator[Door]:
    """Yield the doors of a compact cache, which stands in the place of the other one."""
    for kind in (*KINDS, "own pipe", "sparse"):
        yield f"compact: projection.npz is {kind}", lambda p, k=kind: p.put("cache/projection.npz", k)
        yield f"compact: compact.json is {kind}", lambda p, k=kind: p.put("cache/compact.json", k)
    yield from _recipe_types(
        ("pool", "project", "dtype", "projection_sha256", "source_recipe", "stored_dtype")
    )
    yield "compact: projection.npz inflates to 2 GB", lambda p: p.write("cache/projection.npz", bomb())
    yield "compact: projection.npz with a deep header", lambda p: p.write("cache/projection.npz", _deep_npy())
    yield (
        "compact: projection.npz with a huge shape",
        lambda p: p.write("cache/projection.npz", _deep_npy("(10**15, )")),
    )


def bomb() -> bytes:
    """Return an npz of 2 MB that inflates to 2 GB."""
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("pool.npy", "w") as member,
    ):
        np.lib.format.write_array_header_1_0(
            member, {"descr": "<f4", "fortran_order": False, "shape": (1 << 29,)}
        )
        for _ in range(120):
            member.write(bytes(1 << 24))
    return buffer.getvalue()


def _deep_npy(shape: str = "(" * 4000) -> bytes:
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("pool.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    return buffer.getvalue()
