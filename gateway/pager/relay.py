"""A siren or light behind a relay on Modbus: on while a critical incident waits for an answer, off at once after it.

What is true is written again every few seconds and read back (Modbus Application Protocol 1.1b3, 6.5 and 6.1), so that
a relay that lost its supply, or was switched by hand, comes back to what is true; one that can't is a dead channel.
"""

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import psycopg
from pymodbus import FramerType, ModbusException
from pymodbus.client import ModbusSerialClient, ModbusTcpClient

from gateway.db.pool import Connection, Pool
from gateway.errors import ChannelError
from gateway.pager.config import RelayConfig
from gateway.pager.health import note_failed, note_receipt
from gateway.services.live_events import publish

_LOG = logging.getLogger(__name__)
_POLL_S: Final = 0.5
TEST_PULSE: Final = timedelta(seconds=2)
_WANTED: Final = (
    "SELECT EXISTS (SELECT FROM incident WHERE severity = 'critical' AND NOT is_drill AND closed_at IS NULL"
    " AND returned_at IS NULL AND acknowledged_at IS NULL AND (silenced_until IS NULL OR silenced_until <= %s))"
)


def siren_wanted(connection: Connection, now: datetime) -> bool:
    """Whether a critical incident is active and nobody has answered it. A drill wakes people, not the whole house."""
    row = connection.execute(_WANTED, (now,)).fetchone()
    return row == (True,)


class Relay:
    """One coil."""

    def __init__(self, config: RelayConfig) -> None:
        """Connects to nothing yet."""
        self._config = config
        self._client: ModbusTcpClient | ModbusSerialClient
        if config.path is not None:
            self._client = ModbusSerialClient(
                str(config.path),
                framer=FramerType.RTU,
                baudrate=config.baud_rate,
                timeout=config.timeout_s,
                retries=0,
            )
        else:
            self._client = ModbusTcpClient(config.host, port=config.port, timeout=config.timeout_s, retries=0)

    def switch(self, on: bool) -> None:
        """Write the coil and read it back.

        Raises:
            ChannelError: it does not answer, refuses, or stays as it was.
        """
        config = self._config
        try:
            if not self._client.connected and not self._client.connect():
                raise ChannelError(f"relay {config.name}: no connection")
            written = self._client.write_coil(config.coil, on, device_id=config.unit_id)
            if written.isError():
                raise ChannelError(f"relay {config.name}: refused: {written}")
            read = self._client.read_coils(config.coil, count=1, device_id=config.unit_id)
        except (ModbusException, OSError) as error:
            self._client.close()  # type: ignore[no-untyped-call]  # pymodbus leaves it without annotation
            raise ChannelError(f"relay {config.name}: no answer: {error}") from None
        if read.isError() or read.bits[0] is not on:
            raise ChannelError(f"relay {config.name}: coil {config.coil} stays {'off' if on else 'on'}")

    def close(self) -> None:
        """Let go of the connection. The relay stays as it is."""
        self._client.close()  # type: ignore[no-untyped-call]  # pymodbus leaves it without annotation


class SirenThread:
    """Keeps the relay as it must be."""

    def __init__(self, pool: Pool, relay: Relay, config: RelayConfig, clock: Callable[[], datetime]) -> None:
        self._pool = pool
        self._relay = relay
        self._config = config
        self._clock = clock
        self._is_on: bool | None = None
        self._written_at: datetime | None = None
        self._pulse_until: datetime | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pager-siren", daemon=True)

    @property
    def name(self) -> str:
        """Of its channel."""
        return self._config.name

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; the relay stays as it is, for what is true has not changed."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(timeout=30.0)
        self._relay.close()

    def pulse(self) -> None:
        """Sound for two seconds, to hear that it does."""
        self._pulse_until = self._clock() + TEST_PULSE

    def look(self) -> None:
        """Make the relay what it must be now.

        Raises:
            psycopg.Error: the database is away; the relay stays as it is.
        """
        now = self._clock()
        with self._pool.connection() as connection:
            wanted = siren_wanted(connection, now) or (self._pulse_until is not None and now < self._pulse_until)
        fresh = self._written_at is not None and now - self._written_at < timedelta(seconds=self._config.refresh_s)
        if wanted == self._is_on and fresh:
            return
        self._written_at = now
        try:
            self._relay.switch(wanted)
        except ChannelError as error:
            self._is_on = None
            with self._pool.connection() as connection:
                publish(connection, note_failed(connection, self._config.name, str(error), now))
            return
        self._is_on = wanted
        with self._pool.connection() as connection:
            publish(connection, note_receipt(connection, self._config.name, now))

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.look()
            except psycopg.Error as error:
                _LOG.warning("siren: the database is away, trying again: %s", error)
            except Exception:  # noqa: BLE001 - a siren that ends is worse than any error
                _LOG.exception("siren: unexpected failure, trying again")
            self._stopping.wait(_POLL_S)
