"""Serves the desk's own screen on the edge node: four files and one state, to the machine itself by default."""

import json
import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import ClassVar, Final
from urllib.parse import parse_qs, urlsplit

from edge.desk_screen.screen import DeskScreen
from edge.desk_screen.words import WORDS

_LOG = logging.getLogger(__name__)
POLL_S: Final = 10.0
"""How long a request for news is held open, in seconds: the banner is never older."""
_FILES: Final[Mapping[str, tuple[str, str]]] = {
    "/": ("desk_screen.html", "text/html; charset=utf-8"),
    "/desk_screen.css": ("desk_screen.css", "text/css; charset=utf-8"),
    "/desk_screen.js": ("desk_screen.js", "text/javascript; charset=utf-8"),
    "/sounds.js": ("sounds.js", "text/javascript; charset=utf-8"),
}
_POLICY: Final = "default-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'none'"


class ScreenError(Exception):
    """The screen can't be served; the message names the mend."""


@dataclass(frozen=True)
class _Setting:
    screen: DeskScreen
    language: str
    host_names: frozenset[str]


class ScreenServer:
    """A thread of its own for the listener, and one for each request. Start once, stop once."""

    def __init__(self, screen: DeskScreen, host: str, port: int, language: str) -> None:
        """Takes the port at once.

        Raises:
            ScreenError: the port is taken or the address is not this machine's.
        """
        names = frozenset({host, "localhost", "127.0.0.1", "[::1]"})
        handler = type("Handler", (_Handler,), {"setting": _Setting(screen, language, names)})
        try:
            self._server = ThreadingHTTPServer((host, port), handler)
        except OSError as error:
            raise ScreenError(
                f"desk_screen: can't listen on {host}:{port}: {error.strerror}; give another host or port"
            ) from error
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._thread = threading.Thread(target=self._server.serve_forever, name="desk-screen", daemon=True)

    @property
    def url(self) -> str:
        """Where a browser finds it."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}/"

    def start(self) -> None:
        """Serve from now on."""
        self._thread.start()
        _LOG.info("the desk's own screen: %s", self.url)

    def stop(self) -> None:
        """End."""
        if self._thread.ident is not None:
            self._server.shutdown()
            self._thread.join(timeout=5.0)
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    """GET only. A subclass for each server has its setting."""

    setting: ClassVar[_Setting]
    protocol_version = "HTTP/1.1"
    server_version = "medtap"
    sys_version = ""
    timeout = 30.0

    def do_GET(self) -> None:
        """Answer: a file of the page, its words, or its state."""
        url = urlsplit(self.path)
        # A foreign page can make a browser ask here under its own name (DNS rebinding): only our names are served.
        if not self._is_for_us():
            self._send(HTTPStatus.MISDIRECTED_REQUEST, "text/plain; charset=utf-8", b"not this host\n")
        elif url.path in _FILES:
            name, media_type = _FILES[url.path]
            self._send(HTTPStatus.OK, media_type, (files("edge.desk_screen") / "static" / name).read_bytes())
        elif url.path == "/words.json":
            self._send_json({"language": self.setting.language, **WORDS[self.setting.language]})
        elif url.path == "/state.json":
            self._send_json(self.setting.screen.state_after(_version(url.query), POLL_S))
        else:
            self._send(HTTPStatus.NOT_FOUND, "text/plain; charset=utf-8", b"not found\n")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Nothing of a tap stands in a path; still only for whoever debugs."""
        _LOG.debug(format, *args)

    def _is_for_us(self) -> bool:
        host = self.headers.get("Host", "")
        name = host if host.endswith("]") else host.rpartition(":")[0] or host
        return name in self.setting.host_names

    def _send_json(self, value: object) -> None:
        self._send(HTTPStatus.OK, "application/json", json.dumps(value, ensure_ascii=False).encode())

    def _send(self, status: HTTPStatus, media_type: str, body: bytes) -> None:
        self.send_response(status)
        for name, value in (
            ("Content-Type", media_type),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            ("Content-Security-Policy", _POLICY),
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "no-referrer"),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def _version(query: str) -> int:
    value = parse_qs(query).get("after", ["0"])[0]
    return int(value) if value.isascii() and value.isdigit() and len(value) <= 18 else 0  # noqa: PLR2004 - below 2^63
