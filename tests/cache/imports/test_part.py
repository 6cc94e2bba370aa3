"""Parts of files that cannot be taken say why."""

from __future__ import annotations

from cache.imports.part import Part, refused


def test_a_refused_part_has_its_reason() -> None:
    part = refused("a", "nothing in it", "no_frames")
    assert part.values is None
    assert (part.problem.reason, str(part.problem)) == ("no_frames", "nothing in it")
    assert Part("a").problem is None
