"""A gateway that kills itself between COMMIT and PUBACK: `python -m tests.gateway.dying_gateway CONFIG.toml`."""

import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from gateway.bootstrap import Gateway
from gateway.config import load
from gateway.ingest.subscriber import Delivery, Subscriber

_PUBACK = Subscriber.puback


def _die(self: Subscriber, deliveries: Sequence[Delivery]) -> int:
    """At the first frame: what other nodes left at the broker (their states) may come before it."""
    if any("/up/" in each.message.topic for each in deliveries):
        os.kill(os.getpid(), signal.SIGKILL)
    return _PUBACK(self, deliveries)


def main() -> None:
    """Run until the first frame is committed."""
    Subscriber.puback = _die  # type: ignore[method-assign] # the moment of death under test
    Gateway(load(Path(sys.argv[1]))).start()
    threading.Event().wait()


if __name__ == "__main__":
    main()
