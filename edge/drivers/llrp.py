"""UHF RFID reader on LLRP (EPCglobal Low Level Reader Protocol 1.0.1), through llrpkit.

The driver starts one endless inventory (ROSpec) on the configured antennas and turns its tag reports into presence:
"appeared" and "disappeared". llrpkit runs in an asyncio loop inside the driver's thread. Reconnecting is the
supervisor's: when the connection fails, `run` ends, and presence is kept for the next one. Tags that were there when
the reader was cut off are held, not declared disappeared by the cut; after the reader is back they have the full
`absent_after_s` to be reported again.
"""

import asyncio
import contextlib
from typing import Final

from llrpkit import Reader
from llrpkit.client import check_status
from llrpkit.exceptions import LLRPConnectionError, LLRPError
from llrpkit.inventory import TagReport, build_rospec
from llrpkit.protocol import enums, messages, params

from edge.clock import Stamp
from edge.contracts.observations import TagAppeared, TagDisappeared
from edge.drivers.driver import DeviceLostError, DeviceMisconfiguredError, DeviceSession
from edge.presence import Presence, PresentTag, TagKey

WATCHDOG_S: Final = 20.0
"""Connecting and setting up (below 15 s by the timeouts) is the longest that a healthy loop leaves unsaid."""
ANSWER_TIMEOUT_S: Final = 3.0
CONNECT_TIMEOUT_S: Final = 5.0
KEEPALIVE_MS: Final = 2000
"""The reader asks us so often whether we live, and lets a dead client go, so that the next one gets in."""
PING_S: Final = 2.0
"""We ask the reader so often: a reader without power sends nothing, not even the end of its connection."""

_TICK_S = 0.1
_TICK_NS = 100_000_000
_ALL_ROSPECS = 0
"""ROSpecID 0 stands for all (LLRP 1.0.1, 10.1.2)."""
_EPC_BYTES_MAX = 62
"""Gen2: 31 words of EPC (EPC UHF Gen2 Air Interface 2.1, 6.3.2.1.2)."""
_EPC_WORD_BITS = 16
_RSSI_DBM = range(-128, 128)


class LlrpDriver:
    """One reader with its antennas."""

    kind = "llrp"

    def __init__(
        self, *, device_id: str, host: str, port: int, antennas: tuple[int, ...], absent_after_s: float
    ) -> None:
        """`absent_after_s`: seconds without a report after which a tag has disappeared."""
        self.device_id = device_id
        self.watchdog_s = WATCHDOG_S
        self._host = host
        self._port = port
        self._antennas = antennas
        self._presence = Presence(round(absent_after_s * 1_000_000_000))
        self._running: tuple[asyncio.AbstractEventLoop, asyncio.Task[None]] | None = None

    def run(self, session: DeviceSession) -> None:
        """Take inventory until the session stops.

        Raises:
            DeviceLostError: no connection, refused, silent, or not LLRP.
            DeviceMisconfiguredError: the reader has no such antenna.
        """
        try:
            asyncio.run(self._serve(session))
        except asyncio.CancelledError:
            raise DeviceLostError(f"{self._address}: given up by abort") from None
        except LLRPError as error:
            raise DeviceLostError(f"{self._address}: {error}; check power, network and the reader's page") from None
        except OSError as error:
            raise DeviceLostError(f"{self._address}: {error}; check power and network") from None

    def abort(self) -> None:
        """Cancel a hung run."""
        running = self._running
        if running is not None:
            loop, task = running
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(task.cancel)

    @property
    def _address(self) -> str:
        return f"LLRP reader {self._host}:{self._port}"

    async def _serve(self, session: DeviceSession) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._running = (asyncio.get_running_loop(), task)
        session.alive()
        reader = Reader(self._host, self._port, response_timeout=ANSWER_TIMEOUT_S, connect_timeout=CONNECT_TIMEOUT_S)
        try:
            await reader.connect()
            self._check_antennas(reader)
            await reader.set_keepalive(KEEPALIVE_MS)
            await self._start_inventory(reader)
            session.up(f"manufacturer {reader.capabilities.manufacturer}, firmware {reader.firmware}")
            # A copy, so that a run that was given up changes nothing that this one sees.
            self._presence = presence = self._presence.resume(session.stamp().monotonic_ns)
            await self._take_inventory(reader, presence, session)
        finally:
            self._running = None
            await self._hang_up(reader)

    def _check_antennas(self, reader: Reader) -> None:
        highest = reader.max_antennas
        missing = [antenna for antenna in self._antennas if antenna > highest > 0]
        if missing:
            raise DeviceMisconfiguredError(
                f"{self._address} has {highest} antennas: antennas = {list(self._antennas)!r}, expected 1 to {highest}"
            )

    async def _start_inventory(self, reader: Reader) -> None:
        """Start the one ROSpec; those that others (or an earlier life) left on the reader are deleted."""
        spec = build_rospec(antennas=self._antennas, enable_impinj_reports=reader.impinj_extensions_enabled)
        for message in (
            messages.DELETE_ROSPEC(ro_spec_id=_ALL_ROSPECS),
            messages.ADD_ROSPEC(ro_spec=spec),
            messages.ENABLE_ROSPEC(ro_spec_id=spec.ro_spec_id),
            messages.START_ROSPEC(ro_spec_id=spec.ro_spec_id),
        ):
            check_status(await reader.client.transact(message))

    @staticmethod
    async def _hang_up(reader: Reader) -> None:
        """End in order, if the reader is still there: it stops radiating."""
        if reader.client.connected:
            with contextlib.suppress(LLRPError, OSError):
                await reader.client.transact(messages.DELETE_ROSPEC(ro_spec_id=_ALL_ROSPECS), timeout=1.0)
        await reader.close()

    async def _take_inventory(self, reader: Reader, presence: Presence, session: DeviceSession) -> None:
        """Read reports, watch presence, ask for signs of life: whichever ends first ends all."""
        tasks = [
            asyncio.create_task(work)
            for work in (
                self._read_reports(reader, presence, session),
                self._watch(reader, presence, session),
                self._ping(reader),
            )
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def _read_reports(self, reader: Reader, presence: Presence, session: DeviceSession) -> None:
        while True:
            message = await reader.client.reports.get()
            for data in message.tag_report_datas:
                self._take(TagReport.from_param(data), presence, session)

    async def _watch(self, reader: Reader, presence: Presence, session: DeviceSession) -> None:
        lost = 0
        due_ns = session.stamp().monotonic_ns
        while not session.stopping:
            if not reader.client.connected:
                raise LLRPConnectionError("connection lost")
            session.alive()
            now = session.stamp()
            if now.monotonic_ns > due_ns:  # a slow disk or a busy node held the loop up, and what the reader said waits
                presence.excuse(now.monotonic_ns - due_ns, now.monotonic_ns)
            due_ns = now.monotonic_ns + _TICK_NS
            for gone in presence.expire(now.monotonic_ns):
                session.emit(self._disappeared(gone, now))
            if reader.client.dropped_reports > lost:
                more, lost = reader.client.dropped_reports - lost, reader.client.dropped_reports
                session.fault("reports_lost", f"{more} tag reports came faster than they could be taken in")
            await asyncio.sleep(_TICK_S)

    @staticmethod
    async def _ping(reader: Reader) -> None:
        while True:
            await asyncio.sleep(PING_S)
            await reader.get_config(enums.GetReaderConfigRequestedData.Identification)

    def _take(self, report: TagReport, presence: Presence, session: DeviceSession) -> None:
        now = session.stamp()
        refusal = _refuse_epc(report)
        if refusal:
            session.fault("epc_unreadable", refusal, report.epc)
            return
        antenna_id = report.antenna
        if antenna_id is None and len(self._antennas) == 1:
            antenna_id = self._antennas[0]
        if not antenna_id:
            detail = (
                f"tag report of {report.epc_hex} names antenna {report.antenna!r}, expected one of {self._antennas}"
            )
            session.fault("bad_reply", detail, report.epc)
            return
        key = TagKey(report.epc_hex, antenna_id)
        if presence.report(key, now, report.seen_count or 1):
            rssi = report.rssi_dbm
            session.emit(
                TagAppeared(
                    device_id=self.device_id,
                    occurred_at=now.occurred_at,
                    monotonic_ns=now.monotonic_ns,
                    epc=key.epc,
                    antenna_id=key.antenna_id,
                    peak_rssi_dbm=rssi if rssi is not None and _RSSI_DBM[0] <= rssi <= _RSSI_DBM[-1] else None,
                )
            )

    def _disappeared(self, tag: PresentTag, now: Stamp) -> TagDisappeared:
        return TagDisappeared(
            device_id=self.device_id,
            occurred_at=now.occurred_at,
            monotonic_ns=now.monotonic_ns,
            epc=tag.key.epc,
            antenna_id=tag.key.antenna_id,
            last_seen_at=tag.last_seen_at,
            seen_count=tag.seen_count,
        )


def _refuse_epc(report: TagReport) -> str:
    """Why this is no EPC, or nothing if it is one: whole 16-bit words, at least one, at most 31."""
    raw = report.raw.epc_parameter if report.raw is not None else None
    bits = raw.epc.bit_len if isinstance(raw, params.EPCData) else len(report.epc) * 8
    if bits == 0 or bits % _EPC_WORD_BITS or bits > _EPC_BYTES_MAX * 8:
        return f"EPC of {bits} bits on antenna {report.antenna}: expected 1 to 31 words of 16 bits; replace the label"
    return ""
