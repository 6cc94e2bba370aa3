"""What an import understands before it reads a number."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cache.common.errors import CacheError
from cache.format.schema import FrameField
from cache.imports.entry import Entry, Sources
from cache.imports.options import ImportOptions
from cache.imports.understood import frames_of, understand
from cache.imports.values import UnreadableError, Values, of_array


def sources(**shapes) -> Sources:
    entries = [
        Entry(name, of_array(np.zeros(shape, dtype)), Path(name), name)
        for name, (shape, dtype) in shapes.items()
    ]
    return Sources(tuple(entries), (), {"npy": len(entries)}, 3)


SHIFT = ImportOptions(frame_shift=0.02)


@pytest.mark.parametrize(
    ("shape", "layers", "expected"),
    [((7,), 1, (1, 7)), ((3, 7), 1, (3, 7)), ((1, 3, 7), 1, (3, 7)), ((13, 3, 7), 13, (3, 7))],
)
def test_shapes_that_mean_frames(shape, layers, expected) -> None:
    assert frames_of(shape, layers) == expected


@pytest.mark.parametrize(
    ("shape", "layers", "reason"),
    [((), 1, "wrong_shape"), ((2, 3, 7), 1, "wrong_shape"), ((1, 1, 3, 7), 1, "wrong_shape"),
     ((0, 7), 1, "no_frames"), ((3, 0), 1, "no_frames"), ((3, 7), 2, "wrong_shape"),
     ((7,), 2, "wrong_shape"), ((0,), 1, "no_frames")],
)  # fmt: skip
def test_shapes_that_mean_none(shape, layers, reason) -> None:
    with pytest.raises(UnreadableError) as caught:
        frames_of(shape, layers)
    assert caught.value.reason == reason


def test_other_widths_than_that_of_most_are_listed() -> None:
    made = understand(
        sources(a=((3, 4), "f2"), b=((2, 4), "f2"), c=((3, 5), "f2"), d=((2, 3, 4), "f2")), SHIFT
    )
    assert made.frames == {"a": 3, "b": 2}
    assert {f.clip_id: f.reason for f in made.failures} == {"c": "wrong_shape", "d": "wrong_shape"}
    assert "--layer names them, such as 0-1" in next(f.message for f in made.failures if f.clip_id == "d")


def test_no_width_of_most_must_be_said() -> None:
    held = sources(a=((3, 4), "f2"), b=((3, 5), "f2"))
    with pytest.raises(CacheError, match=r"no width that most clips have.*--width"):
        understand(held, SHIFT)
    made = understand(held, ImportOptions(frame_shift=0.02, width=5))
    assert list(made.frames) == ["b"]
    assert list(understand(held, SHIFT, [FrameField("features", 4)]).frames) == ["a"]
    with pytest.raises(CacheError, match="no clip has 9"):
        understand(held, ImportOptions(frame_shift=0.02, width=9))


@pytest.mark.parametrize(
    ("dtypes", "asked", "stored"),
    [(("f2", "f2"), "auto", "float16"), (("f2", "f4"), "auto", "float32"), (("i8", "f8"), "auto", "float32"),
     (("f4", "f4"), "float16", "float16")],
)  # fmt: skip
def test_the_stored_dtype_is_float16_only_where_all_is(dtypes, asked, stored) -> None:
    held = sources(a=((3, 4), dtypes[0]), b=((3, 4), dtypes[1]))
    made = understand(held, ImportOptions(frame_shift=0.02, dtype=asked))
    assert made.fields[0].dtype.name == stored
    assert made.recipe["stored_dtype"] == {"features": stored}


def timed(times) -> Sources:
    array = np.zeros((len(times), 4))
    values = Values(array.shape, array.dtype, lambda: array, None, lambda: np.array(times))
    return Sources((Entry("a", values, Path("a"), "a"),), (), {"csv": 1}, 0)


def test_the_frame_shift_is_said_or_that_of_the_time_stamps_and_never_invented() -> None:
    assert understand(timed([0, 250, 500]), ImportOptions(time_unit="ms")).fields[0].frame_shift == 0.25
    assert understand(timed([0, 0.5, 1]), ImportOptions()).fields[0].frame_shift == 0.5
    for times in ([0, 250, 500], [0, 0, 0], [3, 2, 1]):
        with pytest.raises(CacheError, match=r"time stamps .* apart.*--time-unit ms"):
            understand(timed(times), ImportOptions())
    with pytest.raises(CacheError, match=r"--frame-shift, such as 0\.02"):
        understand(sources(a=((3, 4), "f2")), ImportOptions())
    assert understand(sources(a=((4,), "f2")), ImportOptions()).fields[0].frame_shift == 1.0


def test_nothing_that_fits_is_one_line() -> None:
    with pytest.raises(CacheError, match=r"no clip can be taken; .* a: an array \(0, 4\) has no frame"):
        understand(sources(a=((0, 4), "f2")), SHIFT)


def test_the_recipe_says_what_the_user_says() -> None:
    options = ImportOptions(frame_shift=0.02, layer="6,9", encoder="WavLM large", key="x")
    made = understand(sources(a=((2, 3, 4), "f2")), options)
    assert made.recipe["model"] == "WavLM large"
    assert made.recipe["derived"] == "import"
    assert made.recipe["imported"] == {"layout": "npy", "key": "x", "frame_shift": 0.02}
    assert made.recipe.layers == (6, 9)
    assert any("3 others passed over" in line for line in made.lines)


def test_a_clip_of_more_than_memory_is_for_is_listed() -> None:
    huge = Values((1 << 20, 1 << 10), np.dtype("f4"), lambda: np.zeros(0))
    held = sources(a=((3, 1024), "f4"))
    entries = (*held.entries, Entry("huge", huge, Path("h"), "h"))
    made = understand(Sources(entries, (), held.layouts, 0), ImportOptions(frame_shift=0.02, width=1024))
    assert [(f.clip_id, f.reason) for f in made.failures] == [("huge", "wrong_shape")]
