"""A worker of a Ray cluster: an actor that makes shards in a thread of its own while others carry its messages."""

from __future__ import annotations

import queue
import threading
from contextlib import suppress

from extract.run.engines.job import Job
from extract.run.engines.worker import Message, report, work
from extract.run.stopping import StopRequest

LISTEN_SECONDS = 1.0  # a call that asks what there is to say waits so long for something


class RayWorker:
    """What Ray runs on another machine; calls of ``events``, ``tell`` and ``stop`` may come at once.

    Everything it says goes back as the result of a call, so that no connection is needed but Ray's own.
    """

    def __init__(self, job: Job) -> None:
        self._link = _QueueLink()
        self._stop = StopRequest(job.run.options.grace)
        threading.Thread(target=self._run, args=(job,), name="worker", daemon=True).start()

    def events(self) -> list[Message]:
        """Return what the worker has to say, once it has something; the last word is ``ended``."""
        return self._link.said()

    def tell(self, answer: Message) -> None:
        """Answer a question of the worker."""
        self._link.answers.put(answer)

    def stop(self) -> None:
        """Ask the worker to end in order."""
        self._stop.request()

    def _run(self, job: Job) -> None:
        try:
            with suppress(SystemExit):
                report(lambda: work(job, self._link, self._stop), self._link.send)
        finally:
            self._link.send(("ended",))


class _QueueLink:
    """The worker's end: two queues."""

    def __init__(self) -> None:
        self.answers: queue.Queue[Message] = queue.Queue()
        self._messages: queue.Queue[Message] = queue.Queue()

    def send(self, message: Message) -> None:
        self._messages.put(message)

    def receive(self) -> Message:
        return self.answers.get()

    def said(self) -> list[Message]:
        messages = []
        with suppress(queue.Empty):
            messages.append(self._messages.get(timeout=LISTEN_SECONDS))
            while True:
                messages.append(self._messages.get_nowait())
        return messages
