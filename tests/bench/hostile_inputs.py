"""The doors of what else people receive: folders of media, tables, encoders, run folders and studies."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from hostile_doors import CANARY, DEEP, HUGE, KINDS, ODD, Door, Place, bomb

RUN_FILES = (
    *(
        "metrics.json",
        "config.json",
        "environment.json",
        "head.safetensors",
        "history.csv",
        "predictions.csv",
    ),
    *("clips.csv", "ensemble.json", "results.json", "audit.json", "folds.json", "projection.npz"),
)


def source_doors() -> Iterator[Door]:
    """Yield the doors of a folder of media."""
    yield "source: FIFO among the clips", lambda p: p.put("source/x.wav", "own pipe")
    for kind in ("/dev/zero", "pipe"):
        yield f"source: a clip is {kind}", lambda p, k=kind: p.put("source/x.wav", k)
    for name in (
        "name\udcff.wav",
        f"name{ODD}.wav",
        "name\nerror: gone.wav",
        "=cmd.wav",
        "-rf.wav",
        "a\u202eb.wav",
    ):
        yield f"source: a file called {name[:12]!a}", lambda p, n=name: _sound(p, f"source/{n}")
        yield f"source: a folder called {name[:12]!a}", lambda p, n=name: _sound(p, f"source/{n}/x.wav")
    for scheme in ("http", "tcp", "rtmp", "https", "ftp"):
        yield (
            f"source: a folder called {scheme}:",
            lambda p, s=scheme: _mp3(p, f"source/{s}:/127.0.0.1:{p.port}/y.mp3"),
        )
    for name in (
        "file:secret.wav",
        "concat:a.mp3|b.mp3",
        "pipe:0.wav",
        "data:,x.wav",
        "subfile,,start,0,end,9,,:x.mp3",
        "async:c00.wav",
    ):
        yield f"source: a file called {name}", lambda p, n=name: _mp3(p, f"source/{n}")
    for name, text in texts().items():
        for suffix in (".mp4", ".mp3", ".wav", ".mkv"):
            yield f"source: {name} named {suffix}", lambda p, t=text, s=suffix: p.write(f"source/x{s}", t(p))


def texts() -> dict[str, Callable[[Place], str]]:
    """Return what looks like media, and is a list of other files; the clip is called x."""
    return {
        "ffconcat": lambda _: "ffconcat version 1.0\nfile c00.wav\nfile c01.wav\n",
        "ffconcat to the net": lambda p: f"ffconcat version 1.0\nfile 'http://127.0.0.1:{p.port}/x.wav'\n",
        "m3u8": lambda p: (
            f"#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\nhttp://127.0.0.1:{p.port}/x.ts\n#EXT-X-ENDLIST\n"
        ),
        "m3u8 to a file": lambda p: (
            f"#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\nfile://{p.outside}/secret\n#EXT-X-ENDLIST\n"
        ),
        "sdp": lambda p: (
            f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio {p.port} RTP/AVP 0\n"
        ),
        "mpd": lambda p: (
            f'<?xml version="1.0"?><MPD><Period><BaseURL>http://127.0.0.1:{p.port}/</BaseURL></Period></MPD>'
        ),
    }


def _sound(p: Place, name: str) -> None:
    p.write(name, (p.inside / "source" / "c00.wav").read_bytes())


def _mp3(p: Place, name: str) -> None:
    """Write what FFmpeg reads, and libsndfile does not."""
    p.write(name, (p.inside / "sound.mp3").read_bytes())


def table_doors() -> Iterator[Door]:
    """Yield the doors of a manifest."""
    paths = ("../../outside/secret.wav", "{outside}/secret.wav", "file:{outside}/secret.wav", "/dev/zero", "pipe:0",
             "http://127.0.0.1:{port}/x.wav", "../../outside/pipe", f"x{ODD}.wav",
             "concat:c00.wav|c01.wav")  # fmt: skip
    for path in paths:
        yield (
            f"manifest: path {path[:30]!a}",
            lambda p, path=path: p.write(
                "source/m.csv", f"clip_id,path\na,{path.format(outside=p.outside, port=p.port)}\n"
            ),
        )
    for name in ("../x", f"x{ODD}", "a\u202eb", "=cmd", "\x9b31m"):
        yield (
            f"manifest: id {name[:12]!a}",
            lambda p, n=name: p.write("source/m.csv", f"clip_id,path\n{n},c00.wav\n"),
        )
    yield (
        "manifest: a column with escape sequences",
        lambda p: p.write("source/m.csv", f"clip_id,path,{ODD!s}\na,c00.wav,1\n"),
    )
    yield (
        "manifest: 100,000 columns",
        lambda p: p.write("source/m.csv", "clip_id,path," + ",".join(map(str, range(10**5)))),
    )
    yield "manifest: a pipe", lambda p: p.put("source/m.csv", "own pipe")
    yield "manifest: /dev/zero", lambda p: p.put("source/m.csv", "/dev/zero")
    yield "manifest: sparse", lambda p: p.put("source/m.csv", "sparse")


def label_doors() -> Iterator[Door]:
    """Yield the doors of a label table."""
    ids = [f"c{number:02}" for number in range(12)]
    yield "labels: 100,000 columns", lambda p: p.write("labels.csv", _wide(ids, 10**5))
    yield "labels: a header =cmd", lambda p: p.write("labels.csv", _table(ids, "=cmd|'/c calc'!A0"))
    yield (
        "labels: a header with escape sequences",
        lambda p: p.write(
            "labels.csv", _table(ids, ODD.replace("\r", "").replace("\x85", "").replace("\u2028", ""))
        ),
    )
    yield (
        "labels: a header with markup",
        lambda p: p.write("labels.csv", _table(ids, "<img src=http://127.0.0.1/x>")),
    )
    yield "labels: a pipe", lambda p: p.put("labels.csv", "own pipe")
    yield "labels: /dev/zero", lambda p: p.put("labels.csv", "/dev/zero")
    yield "labels: sparse", lambda p: p.put("labels.csv", "sparse")


def _table(ids: list[str], name: str) -> str:
    rows = [
        f"{clip_id},{'train' if number < 8 else 'valid'},{number / 12}" for number, clip_id in enumerate(ids)
    ]
    return "\n".join([f"clip_id,split,{name}", *rows]) + "\n"


def _wide(ids: list[str], columns: int) -> str:
    header = ",".join(["clip_id", "split", *(f"l{number}" for number in range(columns))])
    values = ",".join(["0.5"] * columns)
    return (
        "\n".join([header, *(f"{i},{'train' if n < 8 else 'valid'},{values}" for n, i in enumerate(ids))])
        + "\n"
    )


def config_doors() -> Iterator[Door]:
    """Yield the doors of the settings of a fit or an ablation."""
    for name in ("config.json", "config.toml", "grid.toml"):
        for kind in ("/dev/zero", "own pipe", "sparse"):
            yield f"config: {name} is {kind}", lambda p, n=name, k=kind: p.put(n, k)
        deep = ("" if name.endswith(".json") else "a = ") + DEEP
        yield f"config: {name} of 100,000 [", lambda p, n=name, d=deep: p.write(n, d)
    for value in (
        [],
        None,
        7,
        {"lr": []},
        {"lstm_layers": 10**7},
        {"hidden": HUGE},
        {ODD: ODD},
        {"epochs": -1},
    ):
        yield (
            f"config: config.json is {value!a}"[:60],
            lambda p, v=value: p.write("config.json", json.dumps(v)),
        )


def run_doors() -> Iterator[Door]:
    """Yield the doors of a run folder."""
    odd: tuple[Any, ...] = ([], {}, None, 7, "x")
    for name in RUN_FILES:
        for kind in (*KINDS, "own pipe", "sparse"):
            yield f"run: {name} is {kind}", lambda p, n=name, k=kind: p.put(f"run/{n}", k)
        if name.endswith(".json"):
            yield f"run: {name} of 100,000 [", lambda p, n=name: p.write(f"run/{n}", DEEP)
            for value in odd:
                yield (
                    f"run: {name} is {value!r}",
                    lambda p, n=name, v=value: p.write(f"run/{n}", json.dumps(v)),
                )
    for name in ("report", ".lock", ".x.partial"):
        yield f"run: {name} is a link", lambda p, n=name: p.put(f"run/{n}", ".")
    for names in (["../../outside"], [".."], ["."], ["run", "."], [ODD], [7], [["a"]]):
        yield (
            f"run: an ensemble of {names!a}"[:60],
            lambda p, n=names: p.write("run/ensemble.json", json.dumps({"runs": n})),
        )
    yield "run: projection.npz inflates to 2 GB", lambda p: p.write("run/projection.npz", bomb())
    inputs = {"train": "{outside}/secret.csv", "valid": "{outside}/secret.csv"}
    yield "run: environment.json names files outside", lambda p: p.edit("run/environment.json", lambda v: v.update(
        inputs={key: value.format(outside=p.outside) for key, value in inputs.items()}))  # fmt: skip
    for key, value in (
        ("width", -1),
        ("lstm_layers", 10**7),
        ("hidden", HUGE),
        ("targets", 10**9),
        ("width", "x"),
    ):
        yield (
            f"run: a head with {key} {value}",
            lambda p, k=key, v=value: _head(p, lambda d: d["head"].update({k: v})),
        )
    yield (
        "run: a head with escape sequences",
        lambda p: _head(p, lambda d: d["targets"].update(names=[ODD, f"=cmd{ODD}"])),
    )
    yield "run: a head whose metadata is deep", lambda p: _head(p, None)
    yield (
        "run: a head with another recipe's text",
        lambda p: _head(p, lambda d: d["recipe"].update(model=ODD)),
    )


def _head(p: Place, change: Callable[[dict[str, Any]], object] | None) -> None:
    """Change what a head says of itself."""
    path = p.inside / "run" / "head.safetensors"
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    if change is None:
        header["__metadata__"]["emi_fusion"] = DEEP
    else:
        described = json.loads(header["__metadata__"]["emi_fusion"])
        change(described)
        header["__metadata__"] = {"emi_fusion": json.dumps(described)}
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + size :])


def encoder_doors() -> Iterator[Door]:
    """Yield the doors of an encoder's folder."""
    for name in ("config.json", "preprocessor_config.json", "model.safetensors"):
        for kind in (*KINDS[:2], "own pipe", "sparse"):
            yield f"encoder: {name} is {kind}", lambda p, n=name, k=kind: p.put(f"encoder/{n}", k)
        yield f"encoder: {name} of 100,000 [", lambda p, n=name: p.write(f"encoder/{n}", DEEP)
    settings = (("num_hidden_layers", 10**7), ("hidden_size", 10**6), ("conv_dim", [10**5] * 7),
                ("conv_stride", "x"),
                ("num_hidden_layers", None), ("id2label", [1]), ("architectures", 7), ("model_type", ODD),
                ("hidden_act", ODD), ("num_attention_heads", 0),
                ("auto_map", {"AutoModel": "x--x.Model"}))  # fmt: skip
    for key, value in settings:
        yield (
            f"encoder: {key} is {str(value)[:20]!a}",
            lambda p, k=key, v=value: p.edit("encoder/config.json", lambda d: d.update({k: v})),
        )
    header = DEEP.encode()
    yield (
        "encoder: a deep safetensors header",
        lambda p: p.write("encoder/model.safetensors", len(header).to_bytes(8, "little") + header),
    )
    yield (
        "encoder: a header of 2^60 bytes",
        lambda p: p.write("encoder/model.safetensors", (1 << 60).to_bytes(8, "little")),
    )
    yield "encoder: a pickle that writes a file", _pickle


class _Opens:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.write_text, (self.path, CANARY)


def _pickle(p: Place) -> None:
    import pickle  # noqa: TID251 - what nobody may load

    os.remove(p.inside / "encoder" / "model.safetensors")
    p.write("encoder/pytorch_model.bin", pickle.dumps({"a": _Opens(p.outside / "written")}))
