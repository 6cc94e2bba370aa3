"""One live line on a terminal, now and then a line in a log."""

from __future__ import annotations

import io

from cache.common import progress
from cache.common.progress import Progress, bar, show_progress, silent_phase


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_bar_is_as_full_as_the_work_is_done() -> None:
    assert bar(0, 4, 8) == "[--------]"
    assert bar(1, 4, 8) == "[##------]"
    assert bar(9, 4, 8) == "[########]"
    assert bar(0, 0, 4) == "[####]"


def test_a_terminal_has_one_line_that_changes() -> None:
    stream, clock = Terminal(), Clock()
    shown = Progress(stream, clock)
    shown.update(lambda: "1 of 20")
    shown.update(lambda: "never asked for so soon")
    clock.now = 1.0
    shown.live(lambda: "2")
    shown.line("done")
    assert stream.getvalue() == "\r1 of 20\r2      \ndone\n"


def test_a_log_gets_a_line_every_ten_seconds() -> None:
    stream, clock = io.StringIO(), Clock()
    shown = Progress(stream, clock)
    for second in range(31):
        clock.now = float(second)
        shown.update(lambda second=second: f"at {second}")
        shown.live(lambda: "for terminals only")
    shown.close()
    assert stream.getvalue() == "at 10\nat 20\nat 30\n"


def test_what_a_command_shows_of_its_phases(monkeypatch) -> None:
    stream = Terminal()
    monkeypatch.setattr(progress.sys, "stderr", stream)
    on_progress = show_progress("joining")
    on_progress(2, 2)
    assert stream.getvalue() == "\rjoining [####################] 2/2\n"
    silent_phase("joining")(1, 2)
    assert stream.getvalue().count("joining") == 1
