"""How an active ROSpec of the simulated LLRP reader runs: inventory rounds, accumulated reports, stop triggers.

Sources: LLRP 1.0.1, sections 10 (ROSpec, AISpec and their triggers) and 13 (report triggers and contents).
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

from llrpkit.protocol import enums, messages, params
from llrpkit.protocol.codec import BitStr

from firmware_sim.llrp_access import AccessSpecTable
from firmware_sim.llrp_rospecs import RoSpecEntry
from firmware_sim.tag_field import TagField, TagRead

_ALL_ANTENNAS = 0
_EPC_96_BYTES = 12
_MILLISECONDS = 1000.0

Send = Callable[[messages.RO_ACCESS_REPORT], Awaitable[None]]


class Inventory:
    """Runs ROSpecs against a field of tags; one instance for a reader, one coroutine for an active ROSpec."""

    def __init__(
        self,
        field: TagField,
        antennas: Callable[[], frozenset[int]],
        now: Callable[[], datetime],
        send: Send,
        *,
        round_s: float,
        access: AccessSpecTable,
    ) -> None:
        """Read `field` through the `antennas` connected now; a round on one antenna takes `round_s` seconds.

        `access` is carried out on the tags that are read.
        """
        self._access = access
        self._field = field
        self._antennas = antennas
        self._now = now
        self._send = send
        self._round_s = round_s

    async def run(self, entry: RoSpecEntry) -> None:
        """The whole of one activation: returns when the ROSpec has come to its own end, is cancelled otherwise."""
        boundary = entry.spec.ro_boundary_spec
        start, stop = boundary.ro_spec_start_trigger, boundary.ro_spec_stop_trigger
        lasts_s = None
        if stop.ro_spec_stop_trigger_type == enums.ROSpecStopTriggerType.Duration and stop.duration_trigger_value:
            lasts_s = stop.duration_trigger_value / _MILLISECONDS
        periodic = start.periodic_trigger_value
        while True:
            began = asyncio.get_running_loop().time()
            try:
                async with asyncio.timeout(lasts_s):
                    for ai_spec in entry.ai_specs:
                        await self._run_ai_spec(entry, ai_spec)
            except TimeoutError:
                pass
            finally:
                await self.report(entry)
            if periodic is None or not periodic.period:
                return
            rest = periodic.period / _MILLISECONDS - (asyncio.get_running_loop().time() - began)
            await asyncio.sleep(max(0.0, rest))

    async def report(self, entry: RoSpecEntry) -> None:
        """Send what is pending, as one message."""
        if not entry.pending:
            return
        reports = list(entry.pending.values())
        entry.pending.clear()
        entry.pending_reads = 0
        await self._send(messages.RO_ACCESS_REPORT(tag_report_datas=reports))

    async def _run_ai_spec(self, entry: RoSpecEntry, ai_spec: params.AISpec) -> None:
        stop = ai_spec.ai_spec_stop_trigger
        lasts_s = None
        if stop.ai_spec_stop_trigger_type == enums.AISpecStopTriggerType.Duration:
            lasts_s = stop.duration_trigger / _MILLISECONDS
        try:
            async with asyncio.timeout(lasts_s):
                while True:
                    await self._sweep(entry, ai_spec)
        except TimeoutError:
            trigger = entry.spec.ro_report_spec.ro_report_trigger if entry.spec.ro_report_spec else None
            if trigger == enums.ROReportTriggerType.Upon_N_Tags_Or_End_Of_AISpec:
                await self.report(entry)

    async def _sweep(self, entry: RoSpecEntry, ai_spec: params.AISpec) -> None:
        """One round on each antenna of the AISpec; antenna 0 stands for all of them."""
        connected = self._antennas()
        asked = set(ai_spec.antenna_ids)
        report_spec = entry.spec.ro_report_spec
        most = 0
        if report_spec is not None and report_spec.ro_report_trigger != enums.ROReportTriggerType.None_:
            most = report_spec.n  # 0 means no limit: reported at the end only
        chosen = connected if _ALL_ANTENNAS in asked or not asked else connected & asked
        for antenna_id in sorted(chosen) or [_ALL_ANTENNAS]:
            await asyncio.sleep(self._round_s)
            for read in self._field.inventory_round(antenna_id):
                if await self._operate(entry, read):
                    continue
                self._accumulate(entry, read)
                if most and entry.pending_reads >= most:
                    await self.report(entry)

    async def _operate(self, entry: RoSpecEntry, read: TagRead) -> bool:
        """Carry out an AccessSpec on this tag, and report it at once (LLRP 1.0.1, 14.2.1: together with the tag)."""
        done = self._access.execute(entry.spec.ro_spec_id, read)
        if done is None:
            return False
        data = self._report_data(entry, read, int(self._now().timestamp() * 1_000_000))
        data.access_spec_id = params.AccessSpecID(access_spec_id=done[0])
        data.access_command_op_spec_results = [*done[1]]
        await self._send(messages.RO_ACCESS_REPORT(tag_report_datas=[data]))
        return True

    def _accumulate(self, entry: RoSpecEntry, read: TagRead) -> None:
        entry.pending_reads += 1
        key = (read.epc, read.antenna_id)
        now_us = int(self._now().timestamp() * 1_000_000)
        known = entry.pending.get(key)
        if known is None:
            entry.pending[key] = self._report_data(entry, read, now_us)
            return
        if known.peak_rssi is not None:
            known.peak_rssi.peak_rssi = max(known.peak_rssi.peak_rssi, read.peak_rssi_dbm)
        if known.last_seen_timestamp_utc is not None:
            known.last_seen_timestamp_utc.microseconds = now_us
        if known.tag_seen_count is not None:
            known.tag_seen_count.tag_count = min(known.tag_seen_count.tag_count + 1, 0xFFFF)

    @staticmethod
    def _report_data(entry: RoSpecEntry, read: TagRead, now_us: int) -> params.TagReportData:
        """Only what the ROSpec's content selector asks for."""
        epc: params.EPC_96 | params.EPCData
        if len(read.epc) == _EPC_96_BYTES:
            epc = params.EPC_96(epc=read.epc)
        else:
            epc = params.EPCData(epc=BitStr.from_bytes(read.epc))
        report_spec = entry.spec.ro_report_spec
        data = params.TagReportData(epc_parameter=epc)
        if report_spec is None:
            return data
        content = report_spec.tag_report_content_selector
        if content.enable_ro_spec_id:
            data.ro_spec_id = params.ROSpecID(ro_spec_id=entry.spec.ro_spec_id)
        if content.enable_antenna_id:
            data.antenna_id = params.AntennaID(antenna_id=read.antenna_id)
        if content.enable_channel_index:
            data.channel_index = params.ChannelIndex(channel_index=1)
        if content.enable_peak_rssi:
            data.peak_rssi = params.PeakRSSI(peak_rssi=read.peak_rssi_dbm)
        if content.enable_first_seen_timestamp:
            data.first_seen_timestamp_utc = params.FirstSeenTimestampUTC(microseconds=now_us)
        if content.enable_last_seen_timestamp:
            data.last_seen_timestamp_utc = params.LastSeenTimestampUTC(microseconds=now_us)
        if content.enable_tag_seen_count:
            data.tag_seen_count = params.TagSeenCount(tag_count=1)
        return data
