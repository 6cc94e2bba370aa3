"""Whether a folder can hold a cache: writes, links, space, and the recipe of what is there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from cache.commit.conditions import unmet
from cache.common import durable
from cache.common.durable import check_writable
from cache.common.errors import EmiError, NotACacheError
from cache.common.storage.url_path import UrlPath
from cache.format import catalog
from extract.encoders.base import EncoderDescription
from extract.options import ExtractOptions
from extract.preflight.checks import FAILED, OK, WARNING, Check

FREE_GIGABYTES = 5.0


def folder_checks(out: Path, options: ExtractOptions, encoder: EncoderDescription | None) -> Iterator[Check]:
    """Check that a cache can be written or continued in a folder; its recipe only where the encoder is known."""
    try:
        check_writable(out)
    except EmiError as error:
        yield Check("target folder", FAILED, str(error), "choose another --out")
        return
    if isinstance(out, UrlPath):
        yield conditions_check(out)
    else:
        yield from _disk_checks(out)
    if encoder is not None:
        yield _recipe(out, options, encoder)


def conditions_check(out: UrlPath) -> Check:
    """Behind a URL shards are recorded, and leases taken, by conditional requests: the store must honour them."""
    problems = unmet(out.storage)
    if problems:
        advice = "it works, but one writer at a time: a second one is refused"
        return Check("conditions", WARNING, f"{out}: {'; '.join(problems)}", advice)
    return Check("conditions", OK, f"{out}: writes, If-None-Match and If-Match work: any number of writers")


def _disk_checks(out: Path) -> Iterator[Check]:
    place = out
    while not place.exists():
        place = place.parent
    yield links_check(place)
    free = shutil.disk_usage(place).free / 1e9
    low = free < FREE_GIGABYTES
    advice = "emi-extract plan says how much will be written" if low else ""
    yield Check("space", WARNING if low else OK, f"{free:.1f} GB free in {place}", advice)


def links_check(place: Path) -> Check:
    """Shards are published by hard links and leases by exclusive names: both must work in the folder."""
    probe, name = durable.tmp_path(place / "probe"), durable.tmp_path(place / "name")
    try:
        durable.write_durable(probe, b"")
        os.link(probe, name)
        durable.fsync_folder(place)
        try:
            os.link(probe, name)
            return Check(
                "links", FAILED, f"{place}: an existing name was overwritten", "use another file system"
            )
        except FileExistsError:
            return Check("links", OK, f"{place}: writes, hard links, exclusive names and fsync work")
    except OSError as error:
        advice = "it works, but do not run two writers at once here"
        return Check("links", WARNING, f"{place}: no hard links ({error.strerror})", advice)
    finally:
        probe.unlink(missing_ok=True)
        name.unlink(missing_ok=True)


def _recipe(out: Path, options: ExtractOptions, encoder: EncoderDescription) -> Check:
    try:
        cached = catalog.read_description(out).recipe
    except NotACacheError:
        return Check("recipe", OK, f"{out}: no cache yet; a run makes one")
    wanted = options.recipe(encoder) | {"precision": cached.precision}
    lines = cached.differences(wanted)
    if lines:
        advice = "choose another --out, or the options the cache was made with"
        return Check("recipe", FAILED, f"{out} was made with another recipe: {'; '.join(lines)}", advice)
    return Check("recipe", OK, f"{out} holds the same recipe and can be continued")
