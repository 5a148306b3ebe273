"""A label printer on the network: takes ZPL on a TCP port (9100 in the trade) and keeps pictures of what it printed."""

import socket
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from firmware_sim.zpl_commands import split_commands
from firmware_sim.zpl_page import Page, PrintedLabel

_CHUNK_BYTES = 65536
_JOB_BYTES_MAX = 4 * 1024 * 1024
_IDLE_S = 30.0
"""A sender that says nothing for so long is hung up on."""


def interpret(data: bytes, width: int, length: int) -> list[PrintedLabel]:
    """The labels of a stream on media of `width` x `length` dots; what stands outside ^XA ... ^XZ prints nothing."""
    printed: list[PrintedLabel] = []
    page: Page | None = None
    for command in split_commands(data):
        if command.name == "^XA":
            page = Page(width, length)
        elif command.name == "^XZ" and page is not None:
            printed.append(page.finish())
            page = None
        elif page is not None:
            page.take(command)
    return printed


class LabelPrinter:
    """One printer, on 127.0.0.1. One sender at a time, as print servers do; a job ends with its connection."""

    def __init__(self, width: int, length: int, directory: Path | None = None, port: int = 0) -> None:
        """Switch on; media of `width` x `length` dots. With `directory`, each label is kept there as a PNG."""
        self._media = (width, length)
        self._directory = directory
        self._printed: list[PrintedLabel] = []
        self._changed = threading.Condition()
        self._closing = False
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, name=f"label-printer-{self.port}", daemon=True)
        self._thread.start()

    @property
    def printed(self) -> tuple[PrintedLabel, ...]:
        """What came out so far."""
        with self._changed:
            return tuple(self._printed)

    def wait_for(self, count: int, timeout_s: float = 30.0) -> tuple[PrintedLabel, ...]:
        """Wait until so many labels came out.

        Raises:
            TimeoutError: fewer within `timeout_s` seconds.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._printed) >= count, timeout_s):
                raise TimeoutError(f"{len(self._printed)} labels printed, expected {count}")
            return tuple(self._printed)

    def close(self) -> None:
        """Switch off; a job that is under way is finished first."""
        self._closing = True
        with socket.create_connection(("127.0.0.1", self.port)):
            pass
        self._thread.join()
        self._listener.close()

    def __enter__(self) -> Self:
        """Running already."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    def _serve(self) -> None:
        while not self._closing:
            connection, _ = self._listener.accept()
            with connection:
                connection.settimeout(_IDLE_S)
                self._keep(interpret(_receive(connection), *self._media))

    def _keep(self, labels: list[PrintedLabel]) -> None:
        with self._changed:
            for label in labels:
                self._printed.append(label)
                if self._directory is not None:
                    label.image.save(self._directory / f"label-{len(self._printed):04}.png")
            self._changed.notify_all()


def _receive(connection: socket.socket) -> bytes:
    received = bytearray()
    try:
        while len(received) < _JOB_BYTES_MAX and (chunk := connection.recv(_CHUNK_BYTES)):
            received += chunk
    except OSError:
        return b""  # a job that breaks off half-way prints nothing here
    return bytes(received)
