"""A gateway that kills itself between COMMIT and PUBACK: `python -m tests.gateway.dying_gateway CONFIG.toml`."""

import os
import signal
import sys
import threading
from pathlib import Path

from gateway.bootstrap import Gateway
from gateway.config import load
from gateway.ingest.subscriber import Delivery, Subscriber


def _die(_self: Subscriber, _delivery: Delivery) -> bool:
    os.kill(os.getpid(), signal.SIGKILL)
    return False


def main() -> None:
    """Run until the first message is committed."""
    Subscriber.puback = _die  # type: ignore[method-assign, assignment] # the moment of death under test
    Gateway(load(Path(sys.argv[1]))).start()
    threading.Event().wait()


if __name__ == "__main__":
    main()
