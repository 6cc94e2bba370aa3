"""A stop is noted, not obeyed at once; the run asks how much time is left."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator

import pytest

from extract.run.stopping import Stopped, StopRequest


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_is_noted_and_the_handler_before_comes_back(number) -> None:
    before = signal.getsignal(number)
    with StopRequest(grace=30.0) as stop:
        assert not stop.requested
        stop.check()
        signal.raise_signal(number)
        assert stop.requested
        assert stop.allows(20.0)
        assert not stop.allows(40.0)
        with pytest.raises(Stopped):
            stop.check()
    assert signal.getsignal(number) is before


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Have Ctrl-C do what it does in Python, also where whoever runs this ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_a_second_ctrl_c_does_what_it_did_before() -> None:
    with StopRequest(grace=30.0):
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_a_deadline_is_a_stop_and_without_one_any_work_is_allowed() -> None:
    assert StopRequest(0.0).allows(1e9)
    stop = StopRequest(0.0, max_minutes=0.0)
    assert stop.requested
    assert not stop.allows(1.0)


def test_in_another_thread_no_handler_is_set() -> None:
    handlers = []

    def enter() -> None:
        with StopRequest(1.0):
            handlers.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert handlers == [signal.getsignal(signal.SIGTERM)]
