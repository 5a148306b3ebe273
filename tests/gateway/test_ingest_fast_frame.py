"""The quick decoder says nothing that the contract doesn't say."""

import hashlib
import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.contracts.frame import Frame, FrameError, FrameHeader, decode_frame
from edge.contracts.observations import TemperatureMeasured
from gateway.ingest.fast_frame import decode_readings
from tests.gateway.ingest_kit import BOOT, NOW, Node, reading

READING: dict[str, Any] = {
    "device_id": "probe-1",
    "occurred_at": "2026-11-22T05:00:00.123456Z",
    "monotonic_ns": 1,
    "kind": "temperature_measured",
    "temperature_celsius": 4.5,
}
FRAME: dict[str, Any] = {
    "schema_version": 1,
    "site": "demo",
    "edge_node": "store-1",
    "stream": "telemetry",
    "epoch": "00000000000000e1",
    "boot_id": BOOT,
    "first_seq": 7,
    "sent_at": "2026-11-22T05:00:00Z",
    "rows": [READING, READING | {"device_id": "probe-2"}],
}
TIMES = [
    "2026-11-22T05:00:00Z",
    "2026-11-22 05:00:00z",
    "2026-11-22T05:00:00.1234567Z",
    "2026-11-22T05:00:00.1234565Z",
    "2026-12-31T23:59:59.9999999Z",
    "2026-11-22T05:00:00",
    "2026-11-22T05:00:00-00:00",
    "2026-11-22T05:00:00+07:00",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "2026-11-22T24:00:00Z",
    "2026-02-29T00:00:00Z",
    "2026-11-22",
    "1700000000",
    1700000000,
]
NAMES = ["a", "-a", "a-", "A", "a" * 63, "a" * 64, "a\n", "", "\u0430", "probe_1"]
NUMBERS = [0, -1, -0.0, 1.0, 1.5, 2**63 - 1, 2**63, 2**70, 200, 200.1, -200, 1e309, True, None, "1"]
ODD: st.SearchStrategy[Any] = (
    st.sampled_from([*TIMES, *NAMES, *NUMBERS])
    | st.integers()
    | st.floats()
    | st.text(max_size=70)
    | st.datetimes().map(lambda at: at.isoformat() + "Z")
    | st.just({})
    | st.just([])
)


def signed(text: str) -> bytes:
    """A frame's JSON text, closed with its checksum."""
    body = text.encode("utf-8", "surrogatepass")[:-1]
    return body + b',"sha256":"' + hashlib.sha256(body).hexdigest().encode() + b'"}'


@st.composite
def spoilt(draw: st.DrawFn) -> bytes:
    """A sound frame with something changed, left out, put in or said twice."""
    frame = FRAME | {"rows": [dict(row) for row in FRAME["rows"]]}
    for _ in range(draw(st.integers(0, 2))):
        table = draw(st.sampled_from([frame, *frame["rows"]]))
        key = draw(st.sampled_from([*table, "unknown"]))
        if draw(st.booleans()) and key in table and key != "rows":
            del table[key]
        elif key != "rows":
            table[key] = draw(ODD)
    text = json.dumps(
        frame, ensure_ascii=draw(st.booleans()), separators=draw(st.sampled_from([(",", ":"), (" , ", ": ")]))
    )
    if draw(st.booleans()):
        text = text.replace('"device_id"', '"monotonic_ns": 5, "device_id"', 1)
    return signed(text)


def contract(payload: bytes) -> Frame | None:
    """What the pydantic models say."""
    try:
        return decode_frame(payload)
    except FrameError:
        return None


@settings(max_examples=1000)
@given(spoilt())
def test_whatever_the_quick_decoder_takes_the_contract_takes_with_the_same_values(payload: bytes) -> None:
    quick = decode_readings(payload)
    if quick is None:
        return
    slow = contract(payload)
    assert slow is not None
    assert slow.header.model_dump() == {name: getattr(quick.header, name) for name in FrameHeader.model_fields}
    assert slow.last_seq == quick.last_seq
    for row, taken in zip(slow.rows, quick.readings, strict=True):
        observation = row.observation
        assert isinstance(observation, TemperatureMeasured), row.error
        assert (observation.device_id, observation.monotonic_ns) == (taken.device_id, taken.monotonic_ns)
        assert repr(observation.temperature_celsius) == repr(taken.temperature_celsius)
        assert abs(observation.occurred_at - taken.occurred_at) <= timedelta(microseconds=1)


@pytest.mark.parametrize("at", [NOW, NOW + timedelta(microseconds=1)])
def test_what_an_edge_node_writes_takes_the_quick_way(at: datetime) -> None:
    message = Node().readings(reading(4.5, at=at), reading(-0.0, at=at))
    quick = decode_readings(message.payload)
    assert quick is not None
    assert [row.temperature_celsius for row in quick.readings] == [4.5, -0.0]
    assert [row.occurred_at for row in quick.readings] == [at, at]


@pytest.mark.parametrize("at", [at for at in TIMES if str(at)[-1] not in "Zz" and not str(at).endswith("-00:00")])
def test_a_time_that_is_not_written_in_utc_is_left_to_the_contract(at: object) -> None:
    taken = decode_readings(signed(json.dumps(FRAME | {"rows": [READING | {"occurred_at": at}]})))
    assert taken is None


def test_a_frame_whose_checksum_is_not_its_own_is_left_to_the_contract() -> None:
    payload = signed(json.dumps(FRAME))
    assert decode_readings(payload) is not None
    assert decode_readings(payload.replace(b"4.5", b"4.6")) is None
    assert decode_readings(payload[:-1] + b" }") is None
