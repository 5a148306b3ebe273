"""What a driver's `abort` closes: the resources that its runs have open just now."""

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator

log = logging.getLogger(__name__)


class AbortHandle:
    """Close functions of open resources, called at most once each. Thread-safe."""

    def __init__(self) -> None:
        """Nothing is open."""
        self._lock = threading.Lock()
        self._closers: dict[object, Callable[[], None]] = {}

    @contextlib.contextmanager
    def closing(self, close: Callable[[], None]) -> Iterator[None]:
        """Call `close` at the end of the block, or as soon as `abort` is called from another thread."""
        key = object()
        with self._lock:
            self._closers[key] = close
        try:
            yield
        finally:
            self._close(key)

    def abort(self) -> None:
        """Close everything that is open."""
        with self._lock:
            keys = list(self._closers)
        for key in keys:
            self._close(key)

    def _close(self, key: object) -> None:
        with self._lock:
            close = self._closers.pop(key, None)
        if close is None:
            return
        try:
            close()
        except Exception as error:  # noqa: BLE001 - a resource that can't be closed is gone anyway
            log.debug("closing failed: %r", error)
