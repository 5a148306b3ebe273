"""What happens on one PC/SC reader, in order and in a thread of its own, so that a mute card holds up nothing else."""

import contextlib
import queue
import threading
import time
from collections.abc import Callable

from edge.clock import Stamp
from edge.drivers.driver import SessionEndedError

Job = Callable[[], None]


class Tap:
    """One card's stay on the reader. Exactly one speaks of its arrival: who read it, or who gave up waiting."""

    def __init__(self, stamp: Stamp) -> None:
        """`stamp`: when the card came."""
        self.stamp = stamp
        self.uid = b""
        self.reported = False
        """True when the card was reported as presented, so that its leaving is to be reported, too."""
        self._lock = threading.Lock()
        self._claimed = False
        self._begun_at = time.monotonic()

    def begin(self) -> None:
        """Reading begins now."""
        self._begun_at = time.monotonic()

    def overdue(self, limit_s: float) -> bool:
        """True when it is being read for longer than `limit_s` seconds, and nobody has spoken yet."""
        return not self._claimed and time.monotonic() - self._begun_at > limit_s

    def claim(self) -> bool:
        """True for the first caller only: it may speak."""
        with self._lock:
            first, self._claimed = not self._claimed, True
            return first


class SlotWorker:
    """Runs jobs one after the other in a daemon thread."""

    def __init__(self, name: str) -> None:
        """Start the thread."""
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def put(self, job: Job) -> None:
        """Do this after all before it."""
        self._jobs.put(job)

    def raise_failure(self) -> None:
        """Raise what ended the thread before its time, in the caller's thread."""
        if self._failure is not None:
            raise self._failure

    def abandon(self) -> list[Job]:
        """Let the thread end whenever its present job comes back. Returns the jobs that it had not begun."""
        rest: list[Job] = []
        with contextlib.suppress(queue.Empty):
            while True:
                job = self._jobs.get_nowait()
                if job is not None:
                    rest.append(job)
        self._jobs.put(None)
        return rest

    def close(self, timeout_s: float) -> None:
        """Finish all jobs; give up after `timeout_s` seconds."""
        self._jobs.put(None)
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            self.abandon()

    def _run(self) -> None:
        try:
            while (job := self._jobs.get()) is not None:
                job()
        except SessionEndedError:
            return
        except BaseException as error:  # noqa: BLE001 - handed to the driver's own thread
            self._failure = error
