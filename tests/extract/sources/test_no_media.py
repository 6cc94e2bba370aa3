"""What is no media is counted by kind and named once."""

from __future__ import annotations

from extract.sources.no_media import MAX_KINDS, NoMedia


def counted(*files: tuple[str, str]) -> NoMedia:
    no_media = NoMedia()
    for kind, name in files:
        no_media.add(kind, name)
    return no_media


def test_files_are_counted_and_the_first_of_a_kind_are_named() -> None:
    csv = [(".csv", f"{number}.csv") for number in range(3)]
    no_media = counted(*csv, (".txt", "a.txt"), ("hidden", ".x"), ("hidden folder", ".git/"))
    assert no_media.lines() == [
        "5 files are no media: 3 .csv (0.csv, 1.csv, …), 1 .txt (a.txt), 1 hidden (.x)",
        "1 hidden folder not looked into: .git/",
    ]
    assert no_media.as_json()["files"] == 5


def test_none_is_no_line_and_many_kinds_are_one() -> None:
    assert NoMedia().lines() == []
    line = counted(*((f".{number:02}", "x") for number in range(MAX_KINDS + 2))).lines()[0]
    assert line.startswith("10 files are no media: 1 .00 (x), ")
    assert line.endswith(", 2 more kinds")


def test_several_sources_are_counted_together() -> None:
    whole = NoMedia.joined([counted((".csv", "a")), counted((".csv", "b"), (".csv", "c"), ("hidden", "d"))])
    assert whole.kinds == {".csv": 3, "hidden": 1}
    assert whole.names == {".csv": ["a", "b"], "hidden": ["d"]}
