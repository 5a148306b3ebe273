"""A relay board on Modbus TCP: coils that switch a siren, each change written down (protocol 1.1b3, 6.1 and 6.5)."""

import asyncio
from types import TracebackType
from typing import Self, cast

from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from firmware_sim.loop_thread import LoopThread, stop_accepting


class RelayBoard:
    """One board of relays, unit 1. `broken`: it answers every write with exception 4, server device failure (6.4)."""

    def __init__(self, *, coils: int = 8, host: str = "127.0.0.1") -> None:
        """Start it on a free port."""
        self.changes: list[tuple[int, bool]] = []
        self.broken = False
        self._state = [False] * coils
        self._host = host
        self._port = 0
        self._loop = LoopThread("relay-board")
        self._server: ModbusTcpServer | None = None
        self.plug()

    @property
    def port(self) -> int:
        """TCP port; stays the same over `unplug` and `plug`."""
        return self._port

    def is_on(self, coil: int) -> bool:
        """Whether this relay is closed."""
        return self._state[coil]

    def unplug(self) -> None:
        """Cut its supply: connections break, every relay opens."""
        if self._server is not None:
            self._loop.call(self._stop(self._server))
            self._server = None
            self._state = [False] * len(self._state)

    def plug(self) -> None:
        """Give it supply again."""
        if self._server is None:
            self._server = self._loop.call(self._start())

    def close(self) -> None:
        """End the board and its thread."""
        self.unplug()
        self._loop.stop()

    def __enter__(self) -> Self:
        """Return itself; `close` on leaving."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    async def _start(self) -> ModbusTcpServer:
        async def act(
            _function: int,
            _start: int,
            address: int,
            _count: int,
            _current: list[int],
            written: list[int] | list[bool] | None,
        ) -> ExcCodes | None:
            if written is None:
                return None
            if self.broken:
                return ExcCodes.DEVICE_FAILURE
            for offset, value in enumerate(written):
                self._switch(address + offset, on=bool(value))
            return None

        blank = SimData(0, values=[False] * 8, datatype=DataType.BITS)
        coils = SimData(0, values=[False] * len(self._state), datatype=DataType.BITS)
        registers = SimData(0, count=1, datatype=DataType.REGISTERS)
        device = SimDevice(id=1, simdata=([coils], [blank], [registers], [registers]), action=act)
        server = ModbusTcpServer([device], address=(self._host, self._port))
        await server.serve_forever(background=True)
        self._port = cast("asyncio.Server", server.transport).sockets[0].getsockname()[1]
        return server

    def _switch(self, coil: int, *, on: bool) -> None:
        if self._state[coil] != on:
            self._state[coil] = on
            self.changes.append((coil, on))

    @staticmethod
    async def _stop(server: ModbusTcpServer) -> None:
        await stop_accepting(cast("asyncio.Server", server.transport))
        await server.shutdown()  # type: ignore[no-untyped-call]  # pymodbus leaves it without annotation
        await asyncio.sleep(0)
