"""Cuts a PostgreSQL connection after a COMMIT reached the server and before its answer reaches the client.

Follows just enough of the frontend protocol to know when an ingest transaction commits: which prepared statements
speak of `ingest_mark`, which transaction ran one of them, and when COMMIT itself is executed. Source: PostgreSQL 17
documentation, chapter 53.2 (message flow) and 53.7 (message formats).
"""

from typing import Final

from medtap.chaos.fault_proxy import CutConnectionError

MARK_TABLE: Final = b"ingest_mark"
_STARTUP_BYTES_MIN: Final = 8
_SSL_REQUEST: Final = 80877103
_GSS_REQUEST: Final = 80877104
_COMMITTED: Final = b"COMMIT\0"
"""Tag of the server's CommandComplete."""
_READY: Final = b"Z\0\0\0\x05I"
"""ReadyForQuery, idle."""


class CommitCutter:
    """Whether to cut; shared by the filters of all connections, which live in one thread."""

    def __init__(self) -> None:
        """Not armed."""
        self.armed = False
        self.cuts = 0
        """Connections cut so far; in each the server had committed."""


class CommitFilter:
    """One connection between gateway (the client) and PostgreSQL. Neither TLS nor GSS: the DSN has to switch them off.

    Psycopg sends BEGIN and COMMIT by the extended protocol (Parse, Bind, Execute, Sync) or as a simple Query; both
    are followed.
    """

    def __init__(self, cutter: CommitCutter) -> None:
        """Follow `cutter` as it is armed and disarmed."""
        self._cutter = cutter
        self._buffer = b""
        self._started = False
        self._statements: dict[bytes, bytes] = {}
        """Query of each prepared statement, the unnamed one included."""
        self._in_ingest = False
        self._committing = False
        self._awaiting = False
        self._answer = b""

    def from_client(self, data: bytes) -> bytes:
        """Everything, unchanged; notes what it means."""
        self._buffer += data
        while (size := self._message_size()) and len(self._buffer) >= size:
            message, self._buffer = self._buffer[:size], self._buffer[size:]
            if self._started:
                self._note(message[:1], message[5:])
            else:
                # A refused request for encryption is followed by the real startup message.
                self._started = int.from_bytes(message[4:8]) not in (_SSL_REQUEST, _GSS_REQUEST)
        return data

    def from_server(self, data: bytes) -> bytes:
        """Everything, but the answer to a COMMIT that is to be lost.

        Raises:
            CutConnectionError: the server said that it has committed; the client shall not hear it.
        """
        if not self._awaiting:
            return data
        self._answer += data
        if _COMMITTED in self._answer:
            self._cutter.cuts += 1
            self._cutter.armed = False
            raise CutConnectionError
        if not self._answer.endswith(_READY):
            return b""
        # It could not commit: nothing to lose there.
        answer, self._answer, self._awaiting = self._answer, b"", False
        return answer

    def _message_size(self) -> int:
        """Bytes of the message that begins the buffer; 0 if that is not known yet."""
        if not self._started:
            return int.from_bytes(self._buffer[:4]) if len(self._buffer) >= _STARTUP_BYTES_MIN else 0
        return 1 + int.from_bytes(self._buffer[1:5]) if len(self._buffer) > 4 else 0  # noqa: PLR2004 - type and length

    def _note(self, kind: bytes, body: bytes) -> None:
        if kind == b"P":
            name, query, *_ = body.split(b"\0")
            self._statements[name] = query
        elif kind == b"B":
            self._run(self._statements.get(body.split(b"\0")[1], b""))
        elif kind == b"Q":
            self._run(body)
        if kind in (b"S", b"Q") and self._committing:
            # Armed only from here on: an answer that is already on its way is not held back.
            self._awaiting = self._in_ingest and self._cutter.armed
            self._in_ingest = self._committing = False

    def _run(self, query: bytes) -> None:
        verb = query.strip(b" \n\0;").split(b" ")[0].upper()
        if verb in (b"BEGIN", b"ROLLBACK"):
            self._in_ingest = False
        self._in_ingest = self._in_ingest or MARK_TABLE in query
        self._committing = self._committing or verb == b"COMMIT"
