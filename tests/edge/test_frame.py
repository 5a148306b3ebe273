"""Frames: what one side writes the other reads, and nothing that was changed on the way is believed."""

import hashlib
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.contracts.base import FRAME_BYTES_MAX
from edge.contracts.frame import FrameError, FrameHeader, decode_frame, encode_frame, encoded_size
from edge.contracts.observations import OBSERVATION, CodeScanned, GapDeclared, TemperatureMeasured
from edge.contracts.streams import Stream
from edge.outbox_rows import FRAME_ROOM_BYTES

AT = datetime(2026, 11, 22, 1, 2, 3, 456789, tzinfo=UTC)
HEADER = FrameHeader(
    site="nhi-dong-1",
    edge_node="pharmacy-1",
    stream=Stream.EVENTS,
    epoch="0123456789abcdef",
    boot_id="00112233445566aa",
    first_seq=5,
    sent_at=AT,
)
ROW = b'{"device_id":"s","occurred_at":"2026-11-22T01:02:03Z","monotonic_ns":1,"kind":"code_scanned","text":"1"}'


def signed(body: bytes) -> bytes:
    """A text with the right checksum, whatever it says."""
    return body + b',"sha256":"' + hashlib.sha256(body).hexdigest().encode() + b'"}'


def changed(**members: object) -> bytes:
    """A frame with other header members and the right checksum."""
    frame = {**json.loads(HEADER.model_dump_json()), "rows": [json.loads(ROW)], **members}
    return signed(json.dumps(frame, separators=(",", ":"))[:-1].encode())


texts = st.text(min_size=1, max_size=200)
scans = st.builds(
    CodeScanned,
    device_id=st.just("scanner-1"),
    occurred_at=st.datetimes(timezones=st.just(UTC), min_value=datetime(2000, 1, 1)),  # noqa: DTZ001 - hypothesis adds it
    monotonic_ns=st.integers(0, 2**63 - 1),
    text=texts,
    encoding=st.sampled_from(["utf-8", "iso-8859-1"]),
)
readings = st.builds(
    TemperatureMeasured,
    device_id=st.just("probe-1"),
    occurred_at=st.just(AT),
    monotonic_ns=st.integers(0, 2**63 - 1),
    temperature_celsius=st.floats(-200, 200, allow_nan=False),
)
gaps = st.builds(
    GapDeclared,
    device_id=st.just("pharmacy-1"),
    occurred_at=st.just(AT),
    monotonic_ns=st.just(1),
    row_count=st.integers(1, 10**9),
    reason=texts,
    oldest_occurred_at=st.just(AT),
    newest_occurred_at=st.just(AT),
)
row_lists = st.lists(scans | readings | gaps, min_size=1, max_size=20)


@given(row_lists)
def test_what_is_written_is_read(rows: list[CodeScanned | TemperatureMeasured | GapDeclared]) -> None:
    frame = decode_frame(encode_frame(HEADER, [row.model_dump_json().encode() for row in rows]))
    assert frame.header == HEADER
    assert [row.observation for row in frame.rows] == rows
    seq = 5
    for row in frame.rows:
        assert row.seq == seq
        seq = row.last_seq + 1
    assert frame.last_seq == seq - 1


@given(row_lists)
def test_the_size_is_known_before_encoding(rows: list[CodeScanned | TemperatureMeasured | GapDeclared]) -> None:
    bodies = [row.model_dump_json().encode() for row in rows]
    assert encoded_size(HEADER, sum(map(len, bodies)), len(bodies)) == len(encode_frame(HEADER, bodies))


@given(st.data())
def test_no_changed_byte_is_believed(data: st.DataObject) -> None:
    payload = encode_frame(HEADER, [ROW, ROW])
    at = data.draw(st.integers(0, len(payload) - 1))
    bit = data.draw(st.integers(0, 7))
    flipped = payload[:at] + bytes([payload[at] ^ 1 << bit]) + payload[at + 1 :]
    with pytest.raises(FrameError):
        decode_frame(flipped)


@given(st.integers(0, 10**6))
def test_no_cut_frame_is_believed(length: int) -> None:
    payload = encode_frame(HEADER, [ROW, ROW])
    with pytest.raises(FrameError) as refused:
        decode_frame(payload[: length % len(payload)])
    assert refused.value.code == "not_json"


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_with_a_reason(noise: bytes) -> None:
    with pytest.raises(FrameError) as refused:
        decode_frame(noise)
    assert refused.value.code in {"checksum", "not_json", "malformed", "schema_version"}


def test_the_longest_header_leaves_the_room_that_the_outbox_counts_on() -> None:
    longest = HEADER.model_copy(update={"site": "s" * 63, "edge_node": "e" * 63, "first_seq": 2**63 - 1})
    assert encoded_size(longest, 0, 0) <= FRAME_ROOM_BYTES


def test_a_frame_over_64_kb_is_neither_written_nor_read() -> None:
    with pytest.raises(FrameError, match=r"frame of \d+ bytes: expected at most 65536"):
        encode_frame(HEADER, [ROW] * 700)
    with pytest.raises(FrameError) as refused:
        decode_frame(b"x" * (FRAME_BYTES_MAX + 1))
    assert refused.value.code == "oversized"


def test_a_frame_without_rows_is_not_written() -> None:
    with pytest.raises(FrameError, match="a frame has at least one row, got none"):
        encode_frame(HEADER, [])


@pytest.mark.parametrize(
    ("payload", "code", "message"),
    [
        (b"", "not_json", "message of 0 bytes is not a whole JSON object; begins b''"),
        (b"hello", "not_json", "message of 5 bytes is not a whole JSON object; begins b'hello'"),
        (b"{}", "checksum", 'message without a checksum: expected ,"sha256":"..."} as its last member'),
        (changed(schema_version=2), "schema_version", "frame of schema version 2: expected 1; upgrade the older side"),
        (
            changed(stream="gossip"),
            "malformed",
            "frame is malformed: stream: got 'gossip': Input should be 'events' or",
        ),
        (changed(first_seq=0), "malformed", "frame is malformed: first_seq: got 0: Input should be greater than"),
        (changed(rows=[]), "malformed", "frame is malformed: rows: got []: Tuple should have at least 1 item"),
        (changed(extra=1), "malformed", "frame is malformed: extra: got 1: Extra inputs are not permitted"),
        (changed(site="../etc"), "malformed", "frame is malformed: site: got '../etc'"),
        (changed(sent_at="2026-11-22T01:02:03"), "malformed", "frame is malformed: sent_at: got '2026-11-22T01:02:03'"),
        (signed(b'{"rows":[}'), "not_json", "frame is not JSON"),
    ],
)
def test_a_frame_that_is_not_understood_says_why(payload: bytes, code: str, message: str) -> None:
    with pytest.raises(FrameError) as refused:
        decode_frame(payload)
    assert refused.value.code == code
    assert str(refused.value).startswith(message)


@pytest.mark.parametrize(
    ("row", "error"),
    [
        ({"kind": "temperature_measured", "temperature_celsius": 10_000.0}, "temperature_celsius: got 10000.0"),
        ({"kind": "temperature_measured", "temperature_celsius": "NaN"}, "temperature_celsius: got 'NaN'"),
        ({"kind": "weather_forecast"}, "got {'device_id'"),
        ({"kind": "code_scanned", "text": ""}, "text: got ''"),
        ({"kind": "gap_declared", "row_count": 0}, "row_count: got 0"),
    ],
)
def test_a_row_that_is_not_understood_has_its_number_and_does_not_spoil_its_neighbours(
    row: dict[str, object], error: str
) -> None:
    bad = {"device_id": "probe-1", "occurred_at": "2026-11-22T01:02:03Z", "monotonic_ns": 1, **row}
    frame = decode_frame(encode_frame(HEADER, [ROW, json.dumps(bad, separators=(",", ":")).encode(), ROW]))
    good = OBSERVATION.validate_json(ROW)
    assert [found.observation for found in frame.rows] == [good, None, good]
    assert [found.seq for found in frame.rows] == [5, 6, 7]
    assert error in frame.rows[1].error


def test_a_row_that_is_no_object_makes_the_frame_malformed() -> None:
    with pytest.raises(FrameError) as refused:
        decode_frame(encode_frame(HEADER, [b"7"]))
    assert refused.value.code == "malformed"
