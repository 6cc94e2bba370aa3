"""The HTML page: template, style, programs and data in one file that asks nobody for anything."""

from __future__ import annotations

import base64
import hashlib
import logging
import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

from cache.common.option_fields import check_options
from cache.common.words import counted, in_one_line
from train.errors import ConfigError, RunError
from train.files import make_folder, write_text
from train.report.html.grouping import grouped
from train.report.html.payload import json_in_html, payload
from train.report.html.sounds import SoundOptions, embedded, find_sounds, linked
from train.report.html.source import Source, read_source

LOG = logging.getLogger(__name__)
PAGE = "report.html"
MARK = '<meta name="generator" content="emi-train report">'  # every page of ours has it
HERE = "train.report.html"
PROGRAMS = (  # in the order in which they stand in the page
    *("dom.js", "tables.js", "scores.js", "detail.js", "scatter.js"),
    *("confusion.js", "worst.js", "curves.js", "main.js"),
)
PLACE = re.compile(r"\{\{(\w+)\}\}")


def write_html(
    paths: Sequence[Path],
    out: Path | None = None,
    options: SoundOptions | None = None,
    *,
    by: str | None = None,
    overwrite: bool = False,
) -> Path:
    """Write one HTML page on a run, an ensemble, a cross-validation or a study, or on several side by side.

    Args:
        paths: their folders, finished.
        out: folder of the page; default: ``report`` in the folder, of several there is none.
        options: which sounds it plays.
        by: what groups the clips, to be scored apart: "speaker", "duration" or a column of the label table.
        overwrite: replace a file of the page's name, whoever wrote it.

    Returns:
        The page, ``OUT/report.html``.

    Raises:
        RunError: if a folder holds nothing finished, ``out`` a page of somebody else, media are of other clips, or
            sounds are larger than the limit.
        LabelError: if the labels of a run have moved or changed.
        ConfigError: if an option is out of range.
    """
    options = options or SoundOptions()
    check_options(options, ConfigError)
    if out is None and len(paths) > 1:
        raise RunError(
            f"{len(paths)} folders: a page on several is in none of them; give it a folder with --out"
        )
    out = out or paths[0] / "report"
    page = out / PAGE
    if page.exists() and not overwrite and not _is_ours(page):
        raise RunError(
            f"{page}: is there already and belongs to no report; give another --out, or replace it with --overwrite"
        )
    sources = [read_source(path) for path in paths]
    if by is not None:
        sources = [grouped(source, by) for source in sources]
    sounds = _sounds(sources, out, options)
    text = page_text(json_in_html(payload(sources, sounds)))
    make_folder(out)
    write_text(page, text)
    return page


def page_text(data: str) -> str:
    """Return the page around data that ``json_in_html`` made.

    Its policy lets the style and the program of its own run, known by their hashes, and nothing else; it may load
    sounds from beside it, and no address of a network.
    """
    style = _read("page.css")
    program = "(() => {\n'use strict';\n" + "\n".join(map(_read, PROGRAMS)) + "\n})();\n"
    policy = "; ".join(
        [
            "default-src 'none'",
            f"script-src '{_hash(program)}'",
            f"style-src '{_hash(style)}'",
            "img-src data:",
            "media-src 'self' data:",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )
    values = {"policy": policy, "mark": MARK, "style": style, "program": program, "data": data}
    return PLACE.sub(lambda found: values[found.group(1)], _read("page.html"))


def _sounds(sources: Sequence[Source], out: Path, options: SoundOptions) -> Mapping[str, str]:
    if not options.media:
        if options.embed_media:
            raise RunError("--embed-media: no folder to take sounds from; name it with --media")
        return {}
    ids = list(dict.fromkeys(clip for source in sources for clip in source.clips.ids))
    found = find_sounds(ids, options.media)
    lacking = [clip_id for clip_id in ids if clip_id not in found]
    if lacking:
        LOG.warning(
            "%s of %d without a media file, such as %s: they are shown and make no sound",
            counted(len(lacking), "clip"),
            len(ids),
            in_one_line(lacking[0]),
        )
    return embedded(found, options.embed_limit) if options.embed_media else linked(found, out)


def _is_ours(page: Path) -> bool:
    return page.is_file() and MARK in page.read_text(encoding="utf-8", errors="replace")[:4096]


def _read(name: str) -> str:
    return files(HERE).joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
