"""Makes things happen in a running simulated world: one JSON line each way over its control socket."""

import json
import socket
from pathlib import Path
from typing import Any


class ControlClient:
    """Talks to `control.sock`. A connection for each command: no state, any thread."""

    def __init__(self, path: Path, timeout_s: float = 60.0) -> None:
        """`timeout_s`: how long one command may take (a tap waits for the card before it to be taken away)."""
        self._path = path
        self._timeout_s = timeout_s

    def do(self, **command: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever JSON can say
        """Send a command, such as `do(do="tap", patient=3)`; returns the reply with its member `ok`.

        Raises:
            OSError: no world answers there.
            ConnectionError: the world ended before it answered.
        """
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(self._timeout_s)
            connection.connect(str(self._path))
            connection.sendall(json.dumps(command).encode() + b"\n")
            with connection.makefile("rb") as lines:
                line = lines.readline()
        if not line.endswith(b"\n"):
            raise ConnectionError(f"the simulated world behind {self._path} ended before it answered {command!r}")
        reply: dict[str, Any] = json.loads(line)
        return reply
