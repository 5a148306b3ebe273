"""The control socket of the simulated world: JSON lines in, JSON lines out, one thread for each connection."""

import contextlib
import json
import logging
import socket
import socketserver
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

_LONGEST_LINE_BYTES = 64 * 1024
_LONGEST_PATH_BYTES = 107
"""unix(7): 108 bytes with the closing zero."""

_log = logging.getLogger(__name__)

Reply = dict[str, Any]


class CommandError(Exception):
    """A command that can't be carried out; the message says why and what was expected."""


class WorldInUseError(Exception):
    """Another simulated world runs in this directory, or its socket can't be there."""


class ControlServer:
    """Listens on a unix socket until `close`."""

    def __init__(self, path: Path, do: Callable[[dict[str, Any]], Reply]) -> None:
        """Listen; `do` carries out one command, from the thread of its connection, and may raise CommandError.

        Raises:
            WorldInUseError: another world listens there, or the path is too long for a socket.
        """
        self._path = path
        _require_free(path)
        self._server = _Server(str(path), do)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="control", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """End, and remove the socket."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._path.unlink(missing_ok=True)


def answer_line(line: bytes, do: Callable[[dict[str, Any]], Reply]) -> Reply:
    """The reply to one line; anything wrong with it becomes `ok` false and the reason."""
    if len(line) > _LONGEST_LINE_BYTES:
        return _refusal(f"the line is longer than {_LONGEST_LINE_BYTES} bytes")
    try:
        command = json.loads(line)
    except ValueError as error:
        return _refusal(f"not JSON: {error}; expected an object such as {{'do': 'tap', 'patient': 0}}")
    if not isinstance(command, dict):
        return _refusal(f"the line is {command!r}: expected an object such as {{'do': 'tap', 'patient': 0}}")
    try:
        return {"ok": True, **do(command)}
    except CommandError as error:
        return _refusal(str(error))
    except Exception as error:  # noqa: BLE001 - the world goes on; the one who asked is told
        _log.exception("command %r failed", command)
        return _refusal(f"{type(error).__name__}: {error}")


def _refusal(reason: str) -> Reply:
    return {"ok": False, "error": reason}


def _require_free(path: Path) -> None:
    if len(str(path).encode()) > _LONGEST_PATH_BYTES:
        raise WorldInUseError(f"{str(path)!r} is too long for a unix socket: use a directory with a shorter name")
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except FileNotFoundError:
            return
        except ConnectionRefusedError:
            path.unlink()  # left behind by a world that was killed
            return
    raise WorldInUseError(f"a simulated world answers on {str(path)!r} already: stop it or use another directory")


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64  # a unix socket refuses at once when its queue is full

    def __init__(self, path: str, do: Callable[[dict[str, Any]], Reply]) -> None:
        self.do = do
        super().__init__(path, _Handler)


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, _Server)  # noqa: S101 - made by it
        with contextlib.suppress(ConnectionError):
            while line := self.rfile.readline(_LONGEST_LINE_BYTES + 1):
                reply = answer_line(line, self.server.do)
                self.wfile.write(json.dumps(reply, ensure_ascii=False).encode() + b"\n")
                if not line.endswith(b"\n"):
                    return
