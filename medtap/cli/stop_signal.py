"""SIGINT and SIGTERM as an event: a long-running command ends in order."""

import signal
import threading
from types import FrameType


def stop_on_signals() -> threading.Event:
    """An event that is set at the first SIGINT (Ctrl-C) or SIGTERM. Call it in the main thread."""
    stop = threading.Event()

    def handle(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGINT, handle)
    signal.signal(signal.SIGTERM, handle)
    return stop
