"""The flusher: commits groups of readings when they are old enough, keeps the outbox's house, checks a large file."""

import logging
import threading
from collections.abc import Callable
from typing import Final

from edge.outbox import Outbox, OutboxError

TICK_S: Final = 0.1
"""How late a group may be committed beyond its age, in seconds."""

HOUSEKEEPING_TICKS: Final = 50
"""Every five seconds: what an unwritten mark costs at most is that many seconds of rows sent again after a crash."""

_LOG = logging.getLogger(__name__)


class TelemetryFlusher:
    """A thread over one outbox. It never ends by an error of the disk: it logs, and tries again."""

    def __init__(self, outbox: Outbox) -> None:
        """Nothing runs before `start`."""
        self._outbox = outbox
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="telemetry-flusher", daemon=True)
        self._failing = False

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, within a tick. The open group is committed by `Outbox.close`."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        ticks = 0
        while not self._stop.wait(TICK_S):
            ticks += 1
            refused = self._refused(self._outbox.flush_due) or self._refused(self._outbox.check_some)
            if ticks % HOUSEKEEPING_TICKS == 0:
                # Also while readings are refused: this is what notices that the disk has room again.
                refused = self._refused(self._outbox.housekeep) or refused
            if refused and not self._failing:
                _LOG.error("the outbox's disk refuses, readings wait in memory: %s", refused)
            self._failing = bool(refused)

    def _refused(self, work: Callable[[], None]) -> str:
        """Do it; why it could not be done, or nothing."""
        try:
            work()
        except OutboxError as error:
            return str(error)
        return ""
