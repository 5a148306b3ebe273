"""A UHF RFID reader on TCP that speaks LLRP 1.0.1: connection, configuration, keepalive, RO and access specs, reports.

The byte codec is llrpkit's; the reader's behaviour is written here from the LLRP 1.0.1 specification. ROSpecs outlive
the connection, as on most readers, so that a client that comes back finds its old order there.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from datetime import timedelta
from types import TracebackType
from typing import Self

from llrpkit.exceptions import MessageDecodeError
from llrpkit.protocol import LLRPMessage, decode_message, enums, messages, params

from firmware_sim.clock import Clock, SystemClock
from firmware_sim.counts import Counts
from firmware_sim.llrp_access import AccessSpecTable
from firmware_sim.llrp_capabilities import capabilities_response, failure, success
from firmware_sim.llrp_inventory import Inventory
from firmware_sim.llrp_rospecs import RoSpecEntry, RoSpecTable
from firmware_sim.loop_thread import LoopThread, stop_accepting
from firmware_sim.tag_field import TagField, UhfTag

_HEADER_BYTES = 10
_LARGEST_MESSAGE_BYTES = 1024 * 1024
_UNACKNOWLEDGED_KEEPALIVES = 3
"""After so many keepalives without answer the reader takes the client for gone."""
_GARBAGE = bytes.fromhex("0000ffffffff00000000")
"""A header that promises four gigabytes: no client can go on after it."""

_log = logging.getLogger(__name__)


class LlrpReader:
    """One reader with its antennas, on 127.0.0.1. Every method may be called from any thread."""

    def __init__(
        self,
        field: TagField | None = None,
        *,
        antenna_count: int = 4,
        round_s: float = 0.1,
        host: str = "127.0.0.1",
        clock: Clock | None = None,
        clock_error_s: float = 0.0,
        counts: Counts | None = None,
    ) -> None:
        """Switch on, on a free port.

        `round_s`: seconds of one inventory round on one antenna. `clock_error_s`: how wrong the reader's own clock is
        (its reports carry that clock's time).
        """
        self.field = field if field is not None else TagField()
        self._antenna_count = antenna_count
        self._unconnected: frozenset[int] = frozenset()
        self._clock = clock if clock is not None else SystemClock()
        self._clock_error = timedelta(seconds=clock_error_s)
        self._counts = counts if counts is not None else Counts()
        self._host = host
        self._port = 0
        self._mute = False
        self._loop = LoopThread("llrp-reader")
        self._server: asyncio.Server | None = None
        self._session: _Session | None = None
        self._rospecs = RoSpecTable(antenna_count, self._on_start, self._on_stop)
        self._running: dict[int, asyncio.Task[None]] = {}
        self._access = AccessSpecTable(self.field)
        self._inventory = Inventory(
            self.field,
            self._connected_antennas,
            lambda: self._clock.now() + self._clock_error,
            self._report,
            round_s=round_s,
            access=self._access,
        )
        self.plug()

    @property
    def port(self) -> int:
        """TCP port; stays the same over `unplug` and `plug`."""
        return self._port

    @property
    def plugged(self) -> bool:
        """Whether the reader has power and network."""
        return self._server is not None

    @property
    def has_client(self) -> bool:
        """Whether a client is connected."""
        return self._session is not None

    def put(self, epc: bytes, antenna_id: int = 1) -> None:
        """Lay a tag in front of one antenna."""
        self.field.put(UhfTag(epc, frozenset({antenna_id})))

    def take(self, epc: bytes) -> bool:
        """Take a tag away; False if it was not there."""
        return self.field.take(epc)

    def unplug(self) -> None:
        """Power off: the connection breaks, the port refuses, ROSpecs are forgotten. Nothing happens if it is off."""
        if self._server is not None:
            self._loop.call(self._power_off(self._server))
            self._server = None

    def plug(self) -> None:
        """Power on, on the same port as before. Nothing happens if it is on already."""
        if self._server is None:
            self._server = self._loop.call(self._power_on())

    def drop(self) -> None:
        """Break the client's connection, as a network does; the reader goes on and takes a new one."""
        self._loop.call(self._drop())

    def mute(self, muted: bool = True) -> None:
        """Hang: take connections and messages, answer and report nothing; until `mute(False)`."""
        self._mute = muted

    def send_garbage(self) -> None:
        """Send the client bytes that are no LLRP message."""
        self._loop.call(self._write_raw(_GARBAGE))

    def connect_antenna(self, antenna_id: int, connected: bool) -> None:
        """Screw an antenna cable on or off; the client is told if it asked for antenna events."""
        self._unconnected = self._unconnected - {antenna_id} if connected else self._unconnected | {antenna_id}
        happened = (
            enums.AntennaEventType.Antenna_Connected if connected else enums.AntennaEventType.Antenna_Disconnected
        )
        event = params.AntennaEvent(event_type=happened, antenna_id=antenna_id)
        self._loop.call(self._notify(enums.NotificationEventType.Antenna_Event, antenna_event=event))

    def close(self) -> None:
        """Power off for good, and end the thread."""
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

    # From here on everything runs in the reader's own loop.

    async def _power_on(self) -> asyncio.Server:
        server = await asyncio.start_server(self._on_connection, self._host, self._port)
        self._port = server.sockets[0].getsockname()[1]
        return server

    async def _power_off(self, server: asyncio.Server) -> None:
        await stop_accepting(server)
        server.close()
        await self._drop()
        self._rospecs.clear()
        self._access.delete(0)
        await server.wait_closed()

    async def _drop(self) -> None:
        session = self._session
        if session is not None:
            await session.hang_up()

    async def _write_raw(self, data: bytes) -> None:
        if self._session is not None:
            self._session.write(data)

    def _connected_antennas(self) -> frozenset[int]:
        return frozenset(range(1, self._antenna_count + 1)) - self._unconnected

    async def _on_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = _Session(reader, writer)
        if self._session is not None:
            await self._refuse(session)
            return
        self._session = session
        try:
            if not self._mute:
                session.send(self._connection_event(enums.ConnectionAttemptStatusType.Success))
            while True:
                message = await session.receive()
                if message is None:
                    return
                if not self._mute:
                    await self._handle(session, message)
        except (asyncio.IncompleteReadError, ConnectionError, MessageDecodeError) as error:
            _log.debug("LLRP client gone: %s", error)
        finally:
            self._session = None
            await session.hang_up()

    async def _refuse(self, session: "_Session") -> None:
        """One client at a time: the second is told so and hung up on, the first is told of it."""
        status = enums.ConnectionAttemptStatusType
        session.send(self._connection_event(status.Failed_A_Client_Initiated_Connection_Already_Exists))
        if self._session is not None:
            self._session.send(self._connection_event(status.Another_Connection_Attempted))
        await session.hang_up()

    def _timestamp(self) -> params.UTCTimestamp:
        return params.UTCTimestamp(microseconds=int((self._clock.now() + self._clock_error).timestamp() * 1_000_000))

    def _connection_event(self, status: enums.ConnectionAttemptStatusType) -> messages.READER_EVENT_NOTIFICATION:
        return messages.READER_EVENT_NOTIFICATION(
            reader_event_notification_data=params.ReaderEventNotificationData(
                timestamp=self._timestamp(),
                connection_attempt_event=params.ConnectionAttemptEvent(status=status),
            )
        )

    async def _notify(
        self,
        kind: enums.NotificationEventType,
        *,
        ro_spec_event: params.ROSpecEvent | None = None,
        antenna_event: params.AntennaEvent | None = None,
    ) -> None:
        """Tell the client of an event, if it asked for that kind."""
        session = self._session
        if session is None or kind not in session.wanted_events or self._mute:
            return
        session.send(
            messages.READER_EVENT_NOTIFICATION(
                reader_event_notification_data=params.ReaderEventNotificationData(
                    timestamp=self._timestamp(), ro_spec_event=ro_spec_event, antenna_event=antenna_event
                )
            )
        )

    async def _report(self, message: messages.RO_ACCESS_REPORT) -> None:
        """Reports without a client are lost: this reader has no memory for them."""
        session = self._session
        if session is None or session.holding or self._mute:
            return
        session.send(message)
        self._counts.add("tag_reports", len(message.tag_report_datas))
        with contextlib.suppress(ConnectionError):
            await session.drain()

    def _on_start(self, entry: RoSpecEntry) -> None:
        self._running[entry.spec.ro_spec_id] = asyncio.ensure_future(self._run(entry))

    def _on_stop(self, entry: RoSpecEntry) -> None:
        task = self._running.pop(entry.spec.ro_spec_id, None)
        if task is not None and task is not asyncio.current_task():
            task.cancel()

    async def _run(self, entry: RoSpecEntry) -> None:
        await self._notify_rospec(entry, enums.ROSpecEventType.Start_Of_ROSpec)
        try:
            await self._inventory.run(entry)
        finally:
            self._rospecs.deactivate(entry)
            await self._notify_rospec(entry, enums.ROSpecEventType.End_Of_ROSpec)

    async def _notify_rospec(self, entry: RoSpecEntry, happened: enums.ROSpecEventType) -> None:
        event = params.ROSpecEvent(event_type=happened, ro_spec_id=entry.spec.ro_spec_id)
        await self._notify(enums.NotificationEventType.ROSpec_Event, ro_spec_event=event)

    async def _handle(self, session: "_Session", message: LLRPMessage) -> None:
        """One message of the client; what has no answer in LLRP gets none."""
        if isinstance(message, messages.KEEPALIVE_ACK):
            session.unacknowledged = 0
        elif isinstance(message, messages.ENABLE_EVENTS_AND_REPORTS):
            session.holding = False
        elif isinstance(message, messages.GET_REPORT):
            for entry in list(self._rospecs.entries.values()):
                await self._inventory.report(entry)
        elif isinstance(message, messages.CLOSE_CONNECTION):
            session.send(messages.CLOSE_CONNECTION_RESPONSE(llrp_status=success()), message.message_id)
            await session.hang_up()
        else:
            session.send(self._answer(session, message), message.message_id)

    def _answer(self, session: "_Session", message: LLRPMessage) -> LLRPMessage:
        table = self._rospecs
        by_id: dict[type[LLRPMessage], tuple[Callable[[int], params.LLRPStatus], type[LLRPMessage]]] = {
            messages.ENABLE_ROSPEC: (table.enable, messages.ENABLE_ROSPEC_RESPONSE),
            messages.DISABLE_ROSPEC: (table.disable, messages.DISABLE_ROSPEC_RESPONSE),
            messages.START_ROSPEC: (table.start, messages.START_ROSPEC_RESPONSE),
            messages.STOP_ROSPEC: (table.stop, messages.STOP_ROSPEC_RESPONSE),
            messages.DELETE_ROSPEC: (table.delete, messages.DELETE_ROSPEC_RESPONSE),
            messages.ENABLE_ACCESSSPEC: (self._access.enable, messages.ENABLE_ACCESSSPEC_RESPONSE),
            messages.DISABLE_ACCESSSPEC: (self._access.disable, messages.DISABLE_ACCESSSPEC_RESPONSE),
            messages.DELETE_ACCESSSPEC: (self._access.delete, messages.DELETE_ACCESSSPEC_RESPONSE),
        }
        if type(message) in by_id:
            action, response = by_id[type(message)]
            number = message.access_spec_id if hasattr(message, "access_spec_id") else message.ro_spec_id  # type: ignore[attr-defined]  # one of both
            return response(llrp_status=action(number))  # type: ignore[call-arg]  # all have it
        match message:
            case messages.GET_READER_CAPABILITIES():
                answer: LLRPMessage = capabilities_response(self._antenna_count)
            case messages.GET_READER_CONFIG():
                answer = self._configuration(session)
            case messages.SET_READER_CONFIG():
                answer = messages.SET_READER_CONFIG_RESPONSE(llrp_status=self._configure(session, message))
            case messages.ADD_ROSPEC():
                answer = messages.ADD_ROSPEC_RESPONSE(llrp_status=table.add(message.ro_spec))
            case messages.GET_ROSPECS():
                answer = self._rospecs_response()
            case messages.ADD_ACCESSSPEC():
                answer = messages.ADD_ACCESSSPEC_RESPONSE(llrp_status=self._access.add(message.access_spec))
            case messages.GET_ACCESSSPECS():
                answer = messages.GET_ACCESSSPECS_RESPONSE(llrp_status=success(), access_specs=self._access.specs())
            case _:
                reason = f"this reader does not know {type(message).__name__}"
                answer = messages.ERROR_MESSAGE(llrp_status=failure(enums.StatusCode.M_UnsupportedMessage, reason))
        return answer

    def _rospecs_response(self) -> messages.GET_ROSPECS_RESPONSE:
        entries = list(self._rospecs.entries.values())
        for entry in entries:
            entry.spec.current_state = entry.state.value
        return messages.GET_ROSPECS_RESPONSE(llrp_status=success(), ro_specs=[entry.spec for entry in entries])

    def _configuration(self, session: "_Session") -> messages.GET_READER_CONFIG_RESPONSE:
        connected = self._connected_antennas()
        return messages.GET_READER_CONFIG_RESPONSE(
            llrp_status=success(),
            identification=params.Identification(
                id_type=enums.IdentificationType.MAC_Address, reader_id=bytes.fromhex("0200000000000001")
            ),
            antenna_properties=[
                params.AntennaProperties(antenna_connected=antenna_id in connected, antenna_id=antenna_id)
                for antenna_id in range(1, self._antenna_count + 1)
            ],
            keepalive_spec=session.keepalive,
        )

    def _configure(self, session: "_Session", message: messages.SET_READER_CONFIG) -> params.LLRPStatus:
        if message.gpo_write_datas or message.gpi_port_current_states:
            return failure(enums.StatusCode.P_UnsupportedParameter, "this reader has no general-purpose ports")
        if message.reset_to_factory_default:
            self._rospecs.clear()
            self._access.delete(0)
            session.wanted_events.clear()
            session.set_keepalive(None, self._keepalive_message)
        if message.reader_event_notification_spec is not None:
            for state in message.reader_event_notification_spec.event_notification_states:
                change = session.wanted_events.add if state.notification_state else session.wanted_events.discard
                change(state.event_type)
        if message.keepalive_spec is not None:
            session.set_keepalive(message.keepalive_spec, self._keepalive_message)
        if message.events_and_reports is not None:
            session.holding = message.events_and_reports.hold_events_and_reports_upon_reconnect
        return success()

    def _keepalive_message(self) -> messages.KEEPALIVE | None:
        return None if self._mute else messages.KEEPALIVE()


class _Session:
    """One client's connection and what that client has configured."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._keepalive_task: asyncio.Task[None] | None = None
        self.keepalive: params.KeepaliveSpec | None = None
        self.unacknowledged = 0
        self.wanted_events: set[int] = set()
        self.holding = False
        """Events and reports are held back until ENABLE_EVENTS_AND_REPORTS (LLRP 1.0.1, section 12)."""

    async def receive(self) -> LLRPMessage | None:
        """The next message; None where the stream can no longer be framed."""
        header = await self._reader.readexactly(_HEADER_BYTES)
        length = int.from_bytes(header[2:6], "big")
        if not _HEADER_BYTES <= length <= _LARGEST_MESSAGE_BYTES:
            return None
        return decode_message(header + await self._reader.readexactly(length - _HEADER_BYTES))

    def send(self, message: LLRPMessage, message_id: int = 0) -> None:
        self.write(message.to_bytes(message_id=message_id))

    def write(self, data: bytes) -> None:
        if not self._writer.is_closing():
            self._writer.write(data)

    async def drain(self) -> None:
        await self._writer.drain()

    async def hang_up(self) -> None:
        if self._keepalive_task is not None:
            self._keepalive_task.cancel()
            self._keepalive_task = None
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()

    def set_keepalive(
        self, spec: params.KeepaliveSpec | None, message: Callable[[], messages.KEEPALIVE | None]
    ) -> None:
        if self._keepalive_task is not None:
            self._keepalive_task.cancel()
            self._keepalive_task = None
        self.keepalive = spec
        periodic = enums.KeepaliveTriggerType.Periodic
        if spec is not None and spec.keepalive_trigger_type == periodic and spec.periodic_trigger_value:
            self._keepalive_task = asyncio.ensure_future(
                self._send_keepalives(spec.periodic_trigger_value / 1000.0, message)
            )

    async def _send_keepalives(self, period_s: float, message: Callable[[], messages.KEEPALIVE | None]) -> None:
        while True:
            await asyncio.sleep(period_s)
            if self.unacknowledged >= _UNACKNOWLEDGED_KEEPALIVES:
                self._writer.close()
                return
            keepalive = message()
            if keepalive is not None:
                self.unacknowledged += 1
                self.send(keepalive)
