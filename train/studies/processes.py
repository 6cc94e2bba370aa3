"""Several fits at once, in forked processes of one thread each.

Processes are forked once the features are in memory, so that all of them share one copy. On small heads two
processes of one thread do far more than one process of two.
"""

from __future__ import annotations

import math
import multiprocessing as mp
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait

from cache.common.errors import EmiError, is_out_of_memory, reason_of
from train.errors import RunError
from train.machine import threads_of

ORPHAN_CHECK = 0.5  # seconds between two looks at whether the parent is still there


def run_all(
    jobs: Sequence[str],
    work: Callable[[int], None],
    workers: int,
    done: Callable[[int], None],
    until: float = math.inf,
) -> bool:
    """Do every job once, in parallel processes; the first failure ends them all.

    Whoever is interrupted ends its workers. What a worker had not finished is for the next run: jobs must be
    ones that can be done again.

    Args:
        jobs: names, for messages.
        work: does the job at a position.
        workers: how many processes; 0 works in this one (CUDA does not survive a fork).
        done: called here with the position of each job that has ended.
        until: when it ends at the latest, by ``time.monotonic``; what is being worked at then is left undone.

    Returns:
        Whether every job was done.

    Raises:
        RunError: if a job failed or its process died.
    """
    if not workers:
        for position in range(len(jobs)):
            if time.monotonic() >= until:
                return False
            work(position)
            done(position)
        return True
    context = mp.get_context("fork")
    following = context.Value("q", 0)
    with _processes(context, min(workers, len(jobs)), work, following, len(jobs)) as ends:
        busy = dict.fromkeys(ends, -1)
        while busy:
            left = None if until == math.inf else max(0.0, until - time.monotonic())
            ready = wait(list(busy), left)
            if not ready:
                return False
            for end in ready:
                assert isinstance(end, Connection)  # noqa: S101 - for the type checker
                busy[end] = _next_report(end, busy[end], jobs, done)
                if busy[end] == len(jobs):
                    del busy[end]
    return True


def _next_report(end: Connection, current: int, jobs: Sequence[str], done: Callable[[int], None]) -> int:
    """Take one message of a worker; return the position that it works at now, ``len(jobs)`` at its end."""
    try:
        kind, position, message = end.recv()
    except EOFError:
        name = jobs[current] if 0 <= current < len(jobs) else "before its first fit"
        raise RunError(
            f"{name}: its process died (killed, or out of memory?); run again to continue"
        ) from None
    if kind == "failed":
        raise RunError(f"{jobs[position]}: {message}")
    if kind == "done":
        done(position)
        return -1
    return int(position)


@contextmanager
def _processes(
    context: mp.context.ForkContext, count: int, work: Callable[[int], None], following: object, total: int
) -> Iterator[list[Connection]]:
    """Start workers and give the ends of their pipes; they are gone afterwards, whatever happened."""
    processes, ends = [], []
    try:
        for _ in range(count):
            end, theirs = context.Pipe(duplex=False)
            process = context.Process(target=_work_on, args=(theirs, work, following, total, os.getpid()))
            process.start()
            theirs.close()
            processes.append(process)
            ends.append(end)
        yield ends
    finally:
        for process in processes:
            process.kill()  # every file of a fit is replaced whole, so no instant is a bad one
        for process in processes:
            process.join()
        for end in ends:
            end.close()


def _work_on(
    end: Connection, work: Callable[[int], None], following: object, total: int, parent: int
) -> None:
    """Take jobs until none is left, with one thread."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    with threads_of(1):
        _take_jobs(end, work, following, total)


def _take_jobs(end: Connection, work: Callable[[int], None], following: object, total: int) -> None:
    """Do one job after the other, and report each, until none is left or one fails."""
    while True:
        with following.get_lock():  # type: ignore[attr-defined]
            position = following.value  # type: ignore[attr-defined]
            following.value += 1  # type: ignore[attr-defined]
        if position >= total:
            end.send(("over", total, ""))
            return
        end.send(("begun", position, ""))
        try:
            work(position)
        except EmiError as error:
            end.send(("failed", position, str(error)))
            return
        except (MemoryError, RuntimeError, ImportError, OSError) as error:
            reason = reason_of(error)
            if is_out_of_memory(error):
                reason = f"out of memory ({reason}); use fewer --workers, a smaller --batch-size or a compact cache"
            elif not isinstance(error, OSError):
                raise
            end.send(("failed", position, reason))
            return
        end.send(("done", position, ""))


def _end_with(parent: int) -> None:
    """End this process once its parent is gone, even if it was killed outright."""
    while os.getppid() == parent:
        time.sleep(ORPHAN_CHECK)
    os._exit(1)
