"""Stands in for the insurance's portal: real HTTP with its result codes, slow or away when told so.

A card number's last digit decides what is known of it, so that a test or a demo chooses its case by the number:
0 to 4 good, 5 expired (010), 6 withdrawn (110), 7 another name (060), 8 another birth date (070), 9 replaced by a new
card (003). Without a number a child gets code 130. A number that is none gets 051.
"""

import json
import re
import threading
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Final, Self

_CARD: Final = re.compile(r"([A-Z]{2}[1-5][0-9]{2})?[0-9]{10}")
_BY_LAST_DIGIT: Final = {"5": "010", "6": "110", "7": "060", "8": "070", "9": "003"}
_BODY_BYTES_MAX: Final = 65536


@dataclass
class InsurancePortal:
    """What the service knows and how it behaves."""

    delay_s: float = 0.0
    """Before each answer, in seconds."""
    away: bool = False
    """Every question is answered with status 503."""
    forced_code: str = ""
    """Answered whatever the card."""
    asked: int = 0
    codes: dict[str, str] = field(default_factory=dict)
    """By card number, what is known otherwise than by the last digit."""

    def answer(self, question: dict[str, object]) -> dict[str, str]:
        """As the portal would."""
        number = str(question.get("maThe", "")).replace(" ", "").upper()
        code = self.forced_code or self.codes.get(number, "") or _code_of(number)
        found = {"maKetQua": code, "maThe": number}
        if code in {"000", "003"}:
            found |= {"gtTheTu": "01/01/2026", "gtTheDen": "31/12/2026"}
        return found


def _code_of(number: str) -> str:
    if not number:
        return "130"
    return _BY_LAST_DIGIT.get(number[-1], "000") if _CARD.fullmatch(number) else "051"


class InsuranceServer:
    """The HTTP server in a thread; `port` 0 takes a free one."""

    def __init__(self, portal: InsurancePortal | None = None, *, port: int = 0) -> None:
        """Bind the port; `start` serves it."""
        self.portal = portal or InsurancePortal()
        served, stopping = self.portal, threading.Event()
        self._stopping = stopping

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = min(int(self.headers.get("Content-Length", "0")), _BODY_BYTES_MAX)
                body = self.rfile.read(length)
                served.asked += 1
                stopping.wait(served.delay_s)
                if served.away:
                    self.send_error(HTTPStatus.SERVICE_UNAVAILABLE)
                    return
                try:
                    content = json.dumps(served.answer(json.loads(body))).encode()
                except (ValueError, AttributeError):
                    content = b'{"maKetQua": "205"}'
                self.send_response(HTTPStatus.OK)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's signature
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="insurance-portal", daemon=True)

    @property
    def url(self) -> str:
        """Where to ask."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/tra-cuu-the"

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def stop(self) -> None:
        """Stop serving and close the port."""
        self._stopping.set()
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _value: BaseException | None, _tb: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()
