"""A thread that does one thing at once, and then again and again until it is stopped."""

import logging
import threading
from abc import ABC, abstractmethod
from typing import Final

import psycopg
from psycopg_pool import PoolTimeout

_LOG = logging.getLogger(__name__)
_STOP_S: Final = 30.0
"""How long `stop` waits for the round at hand, in seconds."""


class RepeatingThread(ABC):
    """Whatever a round raises, the next one is tried: nothing of it may be half done."""

    def __init__(self, name: str, every_s: float) -> None:
        """Does nothing yet. `name`: the thread's, and in the log; `every_s`: pause between two rounds, in seconds."""
        self._every_s = every_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin, with one round at once."""
        self._thread.start()

    def stop(self) -> None:
        """End after the round at hand; what is left is done by the next start."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(timeout=_STOP_S)

    @abstractmethod
    def round(self) -> int:
        """Everything that is due, once; how much was done. A long one looks at `_stopping` now and then."""

    def _run(self) -> None:
        while True:
            try:
                self.round()
            except (psycopg.Error, PoolTimeout) as error:
                _LOG.warning("%s: %s; again in %.0f s", self._thread.name, error, self._every_s)
            except Exception:  # noqa: BLE001 - whatever it is, the next round may go
                _LOG.exception("%s: the round failed; again in %.0f s", self._thread.name, self._every_s)
            if self._stopping.wait(self._every_s):
                return
