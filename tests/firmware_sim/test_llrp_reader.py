"""The simulated LLRP reader, under llrpkit's client and under raw LLRP frames."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import pytest
from llrpkit.client import LLRPClient
from llrpkit.exceptions import LLRPConnectionError
from llrpkit.inventory import build_rospec
from llrpkit.protocol import LLRPMessage, enums, messages, params
from llrpkit.reader import Reader

from firmware_sim.clock import ManualClock
from firmware_sim.llrp_reader import LlrpReader
from firmware_sim.tag_field import TagField, TagRead, UhfTag

EPC_A = bytes.fromhex("3074257bf7194e4000001a85")
EPC_B = bytes.fromhex("3074257bf7194e4000001a86")
_Result = TypeVar("_Result")


@pytest.fixture
def reader() -> Iterator[LlrpReader]:
    with LlrpReader(round_s=0.01) as switched_on:
        yield switched_on


def _run(coroutine: Coroutine[Any, Any, _Result]) -> _Result:
    async def bounded() -> _Result:
        async with asyncio.timeout(90):
            return await coroutine

    return asyncio.run(bounded())


@asynccontextmanager
async def _client(reader: LlrpReader) -> AsyncIterator[LLRPClient]:
    async with LLRPClient("127.0.0.1", reader.port, response_timeout=60, connect_timeout=60) as client:
        yield client


async def _lost(client: LLRPClient) -> None:
    """Wait until the client has noticed."""
    while client.connected:  # noqa: ASYNC110 - llrpkit has no event for it
        await asyncio.sleep(0.01)


def _status(response: LLRPMessage) -> int:
    return int(response.llrp_status.status_code)  # type: ignore[attr-defined]  # every response has it


def _rospec(
    *,
    ro_spec_id: int = 7,
    start: enums.ROSpecStartTriggerType = enums.ROSpecStartTriggerType.Null,
    n: int = 1,
    duration_ms: int = 0,
) -> params.ROSpec:
    spec = build_rospec(ro_spec_id=ro_spec_id, antennas=[1], report_every_n=1)
    spec.ro_boundary_spec.ro_spec_start_trigger = params.ROSpecStartTrigger(ro_spec_start_trigger_type=start)
    if duration_ms:
        spec.ro_boundary_spec.ro_spec_stop_trigger = params.ROSpecStopTrigger(
            ro_spec_stop_trigger_type=enums.ROSpecStopTriggerType.Duration, duration_trigger_value=duration_ms
        )
    assert spec.ro_report_spec is not None
    spec.ro_report_spec.n = n
    return spec


async def _start(client: LLRPClient, spec: params.ROSpec) -> None:
    for message in (
        messages.ADD_ROSPEC(ro_spec=spec),
        messages.ENABLE_ROSPEC(ro_spec_id=spec.ro_spec_id),
        messages.START_ROSPEC(ro_spec_id=spec.ro_spec_id),
    ):
        assert _status(await client.transact(message)) == 0


async def _states(client: LLRPClient) -> dict[int, int]:
    answer = await client.transact(messages.GET_ROSPECS())
    assert isinstance(answer, messages.GET_ROSPECS_RESPONSE)
    return {spec.ro_spec_id: int(spec.current_state) for spec in answer.ro_specs}


def test_a_client_reads_the_tags_of_its_antennas_only(reader: LlrpReader) -> None:
    reader.put(EPC_A, antenna_id=1)
    reader.put(EPC_B, antenna_id=2)

    async def read() -> set[tuple[bytes, int | None]]:
        async with Reader("127.0.0.1", reader.port) as connected:
            return {(tag.epc, tag.antenna) async for tag in connected.inventory(antennas=[2], max_tags=5)}

    assert _run(read()) == {(EPC_B, 2)}


def test_a_tag_that_is_taken_away_is_reported_no_more(reader: LlrpReader) -> None:
    reader.put(EPC_A)
    reader.put(EPC_B)

    async def read() -> set[bytes]:
        async with Reader("127.0.0.1", reader.port) as connected:
            seen: list[bytes] = []
            async for tag in connected.inventory(antennas=[1]):
                seen.append(tag.epc)
                if len(seen) == 20:
                    assert reader.take(EPC_A)
                if len(seen) > 40 and EPC_A not in seen[-20:]:  # what was read before may still be on its way
                    break
            return set(seen[-20:])

    assert _run(read()) == {EPC_B}
    assert not reader.take(EPC_A)


def test_a_report_waits_until_n_reads_are_together(reader: LlrpReader) -> None:
    reader.put(EPC_A)
    reader.put(EPC_B)

    async def counts() -> list[int]:
        async with _client(reader) as client:
            await _start(client, _rospec(n=5))
            report = await client.reports.get()
            return [data.tag_seen_count.tag_count for data in report.tag_report_datas if data.tag_seen_count]

    found = _run(counts())
    assert len(found) == 2
    assert sum(found) == 5


class CountedField(TagField):
    """Says how often it was looked into."""

    rounds = 0

    def inventory_round(self, antenna_id: int) -> list[TagRead]:
        """Count it."""
        self.rounds += 1
        return super().inventory_round(antenna_id)


def test_without_a_number_a_report_comes_at_the_end_only() -> None:
    field = CountedField()

    async def read(reader: LlrpReader) -> tuple[bool, int]:
        reader.put(EPC_A)
        async with _client(reader) as client:
            await _start(client, _rospec(n=0))
            while field.rounds < 10:  # noqa: ASYNC110 - it is looked into by another thread
                await asyncio.sleep(0.01)
            silent = client.reports.empty()
            await client.transact(messages.STOP_ROSPEC(ro_spec_id=7))
            report = await client.reports.get()
            return silent, len(report.tag_report_datas)

    with LlrpReader(field, round_s=0.01) as reader:
        assert _run(read(reader)) == (True, 1)


def test_get_report_asks_for_what_is_pending(reader: LlrpReader) -> None:
    reader.put(EPC_A)

    async def read() -> int:
        async with _client(reader) as client:
            await _start(client, _rospec(n=0))
            while client.reports.empty():
                client.send(messages.GET_REPORT())
                await asyncio.sleep(0.02)
            return len((await client.reports.get()).tag_report_datas)

    assert _run(read()) == 1


def test_a_report_holds_only_what_the_rospec_asked_for(reader: LlrpReader) -> None:
    reader.put(EPC_A)

    async def read() -> params.TagReportData:
        async with _client(reader) as client:
            spec = _rospec()
            assert spec.ro_report_spec is not None
            spec.ro_report_spec.tag_report_content_selector = params.TagReportContentSelector(enable_antenna_id=True)
            await _start(client, spec)
            return (await client.reports.get()).tag_report_datas[0]

    data = _run(read())
    assert data.antenna_id is not None
    assert data.antenna_id.antenna_id == 1
    assert (data.peak_rssi, data.first_seen_timestamp_utc, data.tag_seen_count) == (None, None, None)


def test_an_epc_of_another_length_is_reported_with_its_bits(reader: LlrpReader) -> None:
    reader.put(b"\x01\x02\x03\x04")

    async def read() -> params.EPC_96 | params.EPCData:
        async with _client(reader) as client:
            await _start(client, _rospec())
            return (await client.reports.get()).tag_report_datas[0].epc_parameter

    epc = _run(read())
    assert isinstance(epc, params.EPCData)
    assert epc.epc.bit_len == 32


def test_a_wrong_clock_of_the_reader_shows_in_its_reports() -> None:
    clock = ManualClock()
    with LlrpReader(round_s=0.01, clock=clock, clock_error_s=-3600) as reader:
        reader.put(EPC_A)

        async def read() -> int:
            async with _client(reader) as client:
                await _start(client, _rospec())
                data = (await client.reports.get()).tag_report_datas[0]
                assert data.first_seen_timestamp_utc is not None
                return int(data.first_seen_timestamp_utc.microseconds)

        assert _run(read()) == int((clock.now().timestamp() - 3600) * 1_000_000)


def test_an_immediate_rospec_starts_when_it_is_enabled(reader: LlrpReader) -> None:
    reader.put(EPC_A)

    async def states() -> tuple[dict[int, int], dict[int, int]]:
        async with _client(reader) as client:
            spec = _rospec(start=enums.ROSpecStartTriggerType.Immediate)
            assert _status(await client.transact(messages.ADD_ROSPEC(ro_spec=spec))) == 0
            added = await _states(client)
            await client.transact(messages.ENABLE_ROSPEC(ro_spec_id=7))
            await client.reports.get()
            return added, await _states(client)

    added, enabled = _run(states())
    assert added == {7: enums.ROSpecState.Disabled}
    assert enabled == {7: enums.ROSpecState.Active}


def test_deleting_rospec_zero_deletes_all_of_them_even_none(reader: LlrpReader) -> None:
    async def play() -> dict[int, int]:
        async with _client(reader) as client:
            assert _status(await client.transact(messages.DELETE_ROSPEC(ro_spec_id=0))) == 0
            await _start(client, _rospec(ro_spec_id=1))
            await client.transact(messages.ADD_ROSPEC(ro_spec=_rospec(ro_spec_id=2)))
            assert _status(await client.transact(messages.DELETE_ROSPEC(ro_spec_id=0))) == 0
            return await _states(client)

    assert _run(play()) == {}


def test_enabling_events_and_reports_has_no_answer_and_ends_holding(reader: LlrpReader) -> None:
    reader.put(EPC_A)

    async def play() -> bool:
        async with _client(reader) as client:
            hold = params.EventsAndReports(hold_events_and_reports_upon_reconnect=True)
            await client.transact(messages.SET_READER_CONFIG(events_and_reports=hold))
            await _start(client, _rospec())
            await asyncio.sleep(0.1)
            held = client.reports.empty()
            client.send(messages.ENABLE_EVENTS_AND_REPORTS())
            await client.reports.get()
            assert client.events.empty()
            return held

    assert _run(play())


def test_a_rospec_with_a_duration_comes_to_its_own_end_and_says_so(reader: LlrpReader) -> None:
    async def play() -> list[int]:
        async with _client(reader) as client:
            wanted = params.EventNotificationState(
                event_type=enums.NotificationEventType.ROSpec_Event, notification_state=True
            )
            spec = params.ReaderEventNotificationSpec(event_notification_states=[wanted])
            await client.transact(messages.SET_READER_CONFIG(reader_event_notification_spec=spec))
            await _start(client, _rospec(duration_ms=50))
            happened: list[int] = []
            while len(happened) < 2:
                event = await client.events.get()
                assert isinstance(event, messages.READER_EVENT_NOTIFICATION)
                ro_spec_event = event.reader_event_notification_data.ro_spec_event
                assert ro_spec_event is not None
                happened.append(int(ro_spec_event.event_type))
            assert await _states(client) == {7: enums.ROSpecState.Inactive}
            return happened

    assert _run(play()) == [enums.ROSpecEventType.Start_Of_ROSpec, enums.ROSpecEventType.End_Of_ROSpec]


def test_what_the_reader_can_not_do_is_refused_with_its_reason(reader: LlrpReader) -> None:
    async def play() -> list[int]:
        async with _client(reader) as client:
            on_gpi = _rospec(start=enums.ROSpecStartTriggerType.GPI)
            on_antenna_9 = build_rospec(ro_spec_id=8, antennas=[9])
            asked: list[LLRPMessage] = [
                messages.ADD_ROSPEC(ro_spec=on_gpi),
                messages.ADD_ROSPEC(ro_spec=on_antenna_9),
                messages.ADD_ROSPEC(ro_spec=_rospec(ro_spec_id=0)),
                messages.START_ROSPEC(ro_spec_id=99),
                messages.SET_READER_CONFIG(gpo_write_datas=[params.GPOWriteData(gpo_port_number=1, gpo_data=True)]),
                messages.KEEPALIVE(),
            ]
            return [_status(await client.transact(message)) for message in asked]

    assert _run(play()) == [
        enums.StatusCode.P_UnsupportedParameter,
        enums.StatusCode.A_OutOfRange,
        enums.StatusCode.M_FieldError,
        enums.StatusCode.M_ParameterError,
        enums.StatusCode.P_UnsupportedParameter,
        enums.StatusCode.M_UnsupportedMessage,
    ]


def test_a_disabled_rospec_can_not_be_started_and_a_second_of_its_number_not_added(reader: LlrpReader) -> None:
    async def play() -> tuple[int, int]:
        async with _client(reader) as client:
            await client.transact(messages.ADD_ROSPEC(ro_spec=_rospec()))
            started = _status(await client.transact(messages.START_ROSPEC(ro_spec_id=7)))
            return started, _status(await client.transact(messages.ADD_ROSPEC(ro_spec=_rospec())))

    assert _run(play()) == (enums.StatusCode.M_ParameterError, enums.StatusCode.M_DuplicateParameter)


def test_a_second_client_is_refused_and_the_first_goes_on(reader: LlrpReader) -> None:
    async def play() -> dict[int, int]:
        async with _client(reader) as first:
            with pytest.raises(LLRPConnectionError, match="Already_Exists"):
                async with _client(reader):
                    pass
            return await _states(first)

    assert _run(play()) == {}


def test_a_client_that_comes_back_after_a_dropped_connection_finds_its_rospec_there(reader: LlrpReader) -> None:
    async def play() -> dict[int, int]:
        async with _client(reader) as client:
            await _start(client, _rospec())
            await asyncio.to_thread(reader.drop)
            await _lost(client)
        async with _client(reader) as again:
            return await _states(again)

    assert _run(play()) == {7: enums.ROSpecState.Active}


def test_a_power_cycle_forgets_the_rospecs_and_keeps_the_port(reader: LlrpReader) -> None:
    port = reader.port

    async def add() -> None:
        async with _client(reader) as client:
            await _start(client, _rospec())

    async def states() -> dict[int, int]:
        async with _client(reader) as client:
            return await _states(client)

    _run(add())
    reader.unplug()
    reader.unplug()
    assert not reader.plugged
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=1)
    reader.plug()
    assert reader.port == port
    assert _run(states()) == {}


def test_a_client_that_acknowledges_no_keepalive_is_hung_up_on(reader: LlrpReader) -> None:
    with socket.create_connection(("127.0.0.1", reader.port), timeout=60) as raw:
        spec = params.KeepaliveSpec(
            keepalive_trigger_type=enums.KeepaliveTriggerType.Periodic, periodic_trigger_value=20
        )
        raw.sendall(messages.SET_READER_CONFIG(keepalive_spec=spec).to_bytes(message_id=1))
        received = b""
        while chunk := raw.recv(4096):
            received += chunk
    assert received.count(messages.KEEPALIVE().to_bytes(message_id=0)) == 3


def test_a_client_that_acknowledges_its_keepalives_stays(reader: LlrpReader) -> None:
    async def play() -> dict[int, int]:
        async with _client(reader) as client:
            spec = params.KeepaliveSpec(
                keepalive_trigger_type=enums.KeepaliveTriggerType.Periodic, periodic_trigger_value=800
            )
            await client.transact(messages.SET_READER_CONFIG(keepalive_spec=spec))
            await asyncio.sleep(3.5)  # the fourth unanswered one would be the end
            return await _states(client)

    assert _run(play()) == {}


def test_a_hung_reader_takes_a_connection_and_says_nothing(reader: LlrpReader) -> None:
    reader.mute()
    with socket.create_connection(("127.0.0.1", reader.port), timeout=60) as raw:
        raw.settimeout(0.2)
        with pytest.raises(TimeoutError):
            raw.recv(1)
    reader.mute(muted=False)
    deadline = time.monotonic() + 60
    while reader.has_client:
        assert time.monotonic() < deadline
        time.sleep(0.01)

    async def states() -> dict[int, int]:
        async with _client(reader) as client:
            return await _states(client)

    assert _run(states()) == {}


def test_garbage_from_the_reader_ends_the_connection_at_the_client(reader: LlrpReader) -> None:
    async def play() -> bool:
        async with _client(reader) as client:
            await asyncio.to_thread(reader.send_garbage)
            await _lost(client)
            return client.connected

    assert not _run(play())


@pytest.mark.parametrize(
    "frame", [b"\x04\x01\x00\x00\x00\x00\x00\x00\x00\x01", b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 64]
)
def test_a_client_that_speaks_no_llrp_is_hung_up_on_and_the_reader_goes_on(reader: LlrpReader, frame: bytes) -> None:
    with socket.create_connection(("127.0.0.1", reader.port), timeout=60) as raw:
        raw.sendall(frame)
        while raw.recv(4096):
            pass

    async def states() -> dict[int, int]:
        async with _client(reader) as client:
            return await _states(client)

    assert _run(states()) == {}


def test_an_unscrewed_antenna_reads_nothing_and_is_reported(reader: LlrpReader) -> None:
    reader.put(EPC_A)

    async def play() -> tuple[int, bool]:
        async with _client(reader) as client:
            wanted = params.EventNotificationState(
                event_type=enums.NotificationEventType.Antenna_Event, notification_state=True
            )
            spec = params.ReaderEventNotificationSpec(event_notification_states=[wanted])
            await client.transact(messages.SET_READER_CONFIG(reader_event_notification_spec=spec))
            await asyncio.to_thread(reader.connect_antenna, 1, False)  # noqa: FBT003 - connected
            event = await client.events.get()
            assert isinstance(event, messages.READER_EVENT_NOTIFICATION)
            antenna_event = event.reader_event_notification_data.antenna_event
            assert antenna_event is not None
            await _start(client, _rospec())
            await asyncio.sleep(0.1)
            return int(antenna_event.event_type), client.reports.empty()

    assert _run(play()) == (enums.AntennaEventType.Antenna_Disconnected, True)


def test_the_same_seed_reads_the_same_tags_in_the_same_order() -> None:
    def rounds(seed: int) -> list[tuple[bytes, int]]:
        field = TagField(seed)
        for number in range(20):
            field.put(UhfTag(number.to_bytes(12, "big"), read_chance=0.5))
        return [(read.epc, read.peak_rssi_dbm) for _ in range(5) for read in field.inventory_round(1)]

    assert rounds(4) == rounds(4)
    assert rounds(4) != rounds(5)


def test_a_tag_no_label_can_be_is_refused() -> None:
    with pytest.raises(ValueError, match="2 to 62 bytes"):
        UhfTag(b"\x01\x02\x03")
    with pytest.raises(ValueError, match="0 to 1"):
        UhfTag(EPC_A, read_chance=1.5)
