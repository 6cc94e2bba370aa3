"""Names of a package load their module when they are first used."""

from __future__ import annotations

import pytest

from cache.common.lazy import lazy_attributes


def test_a_name_is_that_of_its_module_and_others_are_none() -> None:
    load, listed = lazy_attributes("xml", {"dom.minidom": ("parseString",), "sax": ("parse", "handler")})
    from xml.dom.minidom import parseString

    assert load("parseString") is parseString
    with pytest.raises(AttributeError, match="module 'xml' has no attribute 'dom'"):
        load("dom")
    assert {"parseString", "parse", "handler", "__name__"} <= set(listed())


def test_nothing_loads_before_it_is_used(python) -> None:
    code = """
import cache, sys
print("cache.reader" in sys.modules)
cache.CacheReader
print("cache.reader" in sys.modules)
"""
    assert python("-c", code).stdout.split() == ["False", "True"]
