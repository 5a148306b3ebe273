"""A TCP proxy on loopback that can hold, swallow, cut or change what passes: the network's faults, without root.

Held (`freeze`) is what a partition looks like to both ends: nothing arrives, no FIN, no RST, and what TCP kept
arrives when it is over. Swallowed (`bury`) is a partition in which a router forgot the connections: those of that time
stay silent for ever, and only the ends' own keepalive finds out.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final, Protocol

from firmware_sim.loop_thread import LoopThread, stop_accepting

_CHUNK_BYTES: Final = 65536


class CutConnectionError(Exception):
    """A filter wants this connection cut now: RST to the client, FIN to the server."""


class ConnectionFilter(Protocol):
    """Sees (and may change) what passes on one connection. Called in the proxy's thread."""

    def from_client(self, data: bytes) -> bytes:
        """What to send to the server for what the client sent."""
        ...

    def from_server(self, data: bytes) -> bytes:
        """What to send to the client for what the server sent.

        Raises:
            CutConnectionError: send nothing and cut the connection.
        """
        ...


class PassAll:
    """Changes nothing."""

    def from_client(self, data: bytes) -> bytes:
        """The same."""
        return data

    def from_server(self, data: bytes) -> bytes:
        """The same."""
        return data


class _Connection:
    def __init__(self) -> None:
        self.buried = False
        self.writers: list[asyncio.StreamWriter] = []

    def abort(self) -> None:
        for writer in self.writers:
            with contextlib.suppress(OSError, RuntimeError):
                writer.transport.abort()


class FaultProxy:
    """One listening port in front of one server."""

    def __init__(
        self,
        loop: LoopThread,
        host: str,
        port: int,
        make_filter: Callable[[], ConnectionFilter] = PassAll,
        *,
        listen_on: str = "127.0.0.1",
    ) -> None:
        """Listen on a free port of `listen_on` at once; the server at `host`:`port` may come and go."""
        self._loop = loop
        self._target = (host, port)
        self._make_filter = make_filter
        self._connections: set[_Connection] = set()
        self._open = asyncio.Event()
        self.host = listen_on
        self._server = loop.call(self._listen())
        self.port = int(self._server.sockets[0].getsockname()[1])

    def freeze(self) -> None:
        """From now on nothing passes; new connections hang."""
        self._loop.call(self._set_open(is_open=False))

    def thaw(self) -> None:
        """Everything passes again, what was held first."""
        self._loop.call(self._set_open(is_open=True))

    def bury(self) -> None:
        """The connections of now stay silent for ever."""
        self._loop.call(self._bury())

    def close(self) -> None:
        """End the proxy and every connection."""
        self._loop.call(self._close())

    async def _listen(self) -> asyncio.Server:
        self._open.set()
        return await asyncio.start_server(self._serve, self.host, 0)

    async def _set_open(self, *, is_open: bool) -> None:
        if is_open:
            self._open.set()
        else:
            self._open.clear()

    async def _bury(self) -> None:
        for connection in self._connections:
            connection.buried = True

    async def _close(self) -> None:
        await stop_accepting(self._server)
        self._server.close()
        for connection in list(self._connections):
            connection.abort()
        self._open.set()
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = _Connection()
        connection.writers.append(writer)
        self._connections.add(connection)
        try:
            await self._open.wait()
            to_reader, to_writer = await asyncio.open_connection(*self._target)
            connection.writers.append(to_writer)
            passing = self._make_filter()
            pumps = [
                asyncio.ensure_future(self._pump(connection, reader, to_writer, passing.from_client)),
                asyncio.ensure_future(self._pump(connection, to_reader, writer, passing.from_server)),
            ]
            await asyncio.wait(pumps, return_when=asyncio.ALL_COMPLETED)
        except OSError:
            # The server is not there: the client gets what a closed port would give it, a reset.
            return
        finally:
            connection.abort()
            self._connections.discard(connection)

    async def _pump(
        self,
        connection: _Connection,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        change: Callable[[bytes], bytes],
    ) -> None:
        """One direction, until an end goes away. An end that leaves a buried connection is not told of."""
        try:
            while data := await source.read(_CHUNK_BYTES):
                await self._open.wait()
                if not connection.buried and (changed := change(data)):
                    sink.write(changed)
                    await sink.drain()
        except (OSError, CutConnectionError):
            if not connection.buried:
                connection.abort()
            return
        if not connection.buried:
            await self._open.wait()
            connection.abort()
