"""Bad input at the gateway: each gets a clear reason, none stops the stream, none reaches stock. Real PostgreSQL."""

import hashlib
import json
import re
from datetime import timedelta
from typing import Any

import pytest

from edge.contracts import topics
from edge.contracts.base import FRAME_BYTES_MAX
from edge.contracts.frame import FrameHeader, encode_frame
from edge.contracts.observations import CodeScanned
from edge.contracts.streams import Stream
from gateway.ingest import dead_letters
from gateway.ingest.decoder import Rejected, decode
from gateway.ingest.message import ReceivedMessage
from tests.gateway.ingest_kit import BOOT, GTIN, NOW, Database, Node, as_json, encoded, reading

pytestmark = pytest.mark.integration

SCAN = CodeScanned(
    device_id="scanner-receiving",
    occurred_at=NOW,
    monotonic_ns=1,
    text=f"]d201{GTIN}17271231" + "10LOT1\x1d21SERIAL1",
)


def _signed(table: dict[str, Any]) -> bytes:
    """A frame of any content whose checksum is right."""
    table.pop("sha256")
    body = json.dumps(table, separators=(",", ":")).encode()[:-1]
    return body + b',"sha256":"' + hashlib.sha256(body).hexdigest().encode() + b'"}'


def _good() -> ReceivedMessage:
    return Node().events(SCAN)


def _topic() -> str:
    return topics.up(Node().sender, Stream.EVENTS)


def _wrong_version() -> bytes:
    return _signed(as_json(_good()) | {"schema_version": 2})


def _unknown_member() -> bytes:
    return _signed(as_json(_good()) | {"rows": [], "more": 1})


BAD_FRAMES = {
    "oversized": (
        b'{"rows":[' + b" " * FRAME_BYTES_MAX + b"]}",
        "oversized",
        r"of 655\d\d bytes: expected at most 65536",
    ),
    "truncated": (_good().payload[:-20], "not_json", r"is not a whole JSON object; begins b'{\"schema_version"),
    "one bit flipped": (
        _good().payload.replace(b"LOT1", b"LOT3"),
        "checksum",
        r"its SHA-256 is not the one it carries",
    ),
    "not JSON": (b"hello", "not_json", r"begins b'hello'"),
    "empty": (b"", "not_json", r"begins b''"),
    "wrong version": (_wrong_version(), "schema_version", r"schema version 2: expected 1; upgrade the older side"),
    "no rows": (_unknown_member(), "malformed", r"frame is malformed"),
    "JSON but no frame": (b"[1,2,3]", "not_json", r"not a whole JSON object"),
}


@pytest.mark.parametrize("name", BAD_FRAMES)
def test_a_bad_frame_is_kept_with_its_reason_and_the_stream_goes_on(database: Database, name: str) -> None:
    payload, code, reason = BAD_FRAMES[name]
    database.take(ReceivedMessage.of(_topic(), payload, NOW))
    letters = database.rows("SELECT code, reason, topic, site, edge_node, stream, seq FROM dead_letter")
    assert [letter[0] for letter in letters] == [code]
    assert re.search(reason, letters[0][1]), letters[0][1]
    assert letters[0][2:] == (_topic(), "demo", "store-1", "events", None)
    _nothing_reached_stock_and_the_stream_goes_on(database)


def _nothing_reached_stock_and_the_stream_goes_on(database: Database) -> None:
    for query in ("SELECT * FROM movement", "SELECT * FROM scan", "SELECT * FROM event", "SELECT * FROM reading"):
        assert database.rows(query) == []
    database.take(_good())
    assert database.column("SELECT outcome FROM scan") == ["received"]
    assert sorted(database.column("SELECT audience FROM live_event WHERE kind = 'dead_letter'")) == [
        *("desk", "on_call", "pharmacy"),
    ]


def test_a_frame_on_the_topic_of_another_sender_is_refused(database: Database) -> None:
    payload = Node(edge_node="intruder").events(SCAN).payload
    database.take(ReceivedMessage.of(_topic(), payload, NOW))
    assert database.rows("SELECT code, reason FROM dead_letter") == [
        ("sender_mismatch", "message says it is from demo/intruder, but came on the topic of demo/store-1")
    ]
    _nothing_reached_stock_and_the_stream_goes_on(database)


def test_a_frame_on_the_topic_of_the_other_stream_is_refused(database: Database) -> None:
    payload = _good().payload
    database.take(ReceivedMessage.of(topics.up(Node().sender, Stream.TELEMETRY), payload, NOW))
    assert database.column("SELECT code FROM dead_letter") == ["sender_mismatch"]
    _nothing_reached_stock_and_the_stream_goes_on(database)


@pytest.mark.parametrize("topic", ["medtap/v1/demo/store-1/up/gossip", "medtap/v1/demo/../up/events", "other"])
def test_a_message_on_a_topic_that_is_none_of_ours_is_kept(database: Database, topic: str) -> None:
    database.take(ReceivedMessage.of(topic, _good().payload, NOW))
    assert database.column("SELECT code FROM dead_letter") == ["topic"]


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("kind", "teleported"),
        ("device_id", "No Such Name!"),
        ("occurred_at", "yesterday"),
        ("occurred_at", "2026-11-22T12:00:00"),
        ("text", ""),
        ("surprise", 1),
    ],
)
def test_a_row_of_unknown_type_or_content_is_kept_and_the_rest_of_its_frame_stands(
    database: Database, member: str, value: object
) -> None:
    node = Node()
    bad = json.loads(encoded([SCAN])[0]) | {member: value}
    database.take(node.rows(Stream.EVENTS, [json.dumps(bad).encode(), *encoded([SCAN])]))
    letters = database.rows("SELECT seq, code, reason FROM dead_letter")
    assert [letter[:2] for letter in letters] == [(1, "row_malformed")]
    assert member in letters[0][2] or "kind" in letters[0][2]
    assert database.rows("SELECT seq, outcome FROM scan") == [(2, "received")]


@pytest.mark.parametrize("value", ["NaN", "Infinity", "10000.0", "-300", '"warm"', "null"])
def test_a_reading_that_is_no_temperature_is_kept_aside(database: Database, value: str) -> None:
    node = Node()
    good = encoded([reading(4.25)])[0]
    database.take(node.rows(Stream.TELEMETRY, [good.replace(b"4.25", value.encode())]))
    database.take(node.rows(Stream.TELEMETRY, [good]))
    assert database.column("SELECT code FROM dead_letter") == ["row_malformed"]
    assert database.column("SELECT seq FROM reading") == [2]
    assert database.rows("SELECT * FROM alarm") == []


def test_a_message_sent_again_and_again_is_one_letter_that_counts(database: Database) -> None:
    bad = ReceivedMessage.of(_topic(), b"hello", NOW)
    for minute in range(5):
        database.take(ReceivedMessage.of(bad.topic, bad.payload, NOW + timedelta(minutes=minute)))
    database.take(ReceivedMessage.of(bad.topic, b"another", NOW))
    assert database.rows("SELECT payload, repeat_count, last_received_at FROM dead_letter ORDER BY 1 DESC") == [
        (b"hello", 4, NOW + timedelta(minutes=4)),
        (b"another", 0, None),
    ]


def test_a_sender_gone_mad_does_not_fill_the_disk(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dead_letters, "LETTERS_MAX", 3)
    for number in range(8):
        database.take(ReceivedMessage.of(_topic(), f"nonsense {number}".encode(), NOW))
    assert database.value("SELECT count(*) FROM dead_letter") == 3
    assert database.value("SELECT sum(repeat_count) FROM dead_letter") == 5


def test_of_an_oversized_message_only_the_beginning_is_kept(database: Database) -> None:
    database.take(ReceivedMessage.of(_topic(), b"x" * 200_000, NOW))
    kept = database.rows("SELECT length(payload), payload_bytes, reason FROM dead_letter")
    assert kept == [(FRAME_BYTES_MAX + 1, 200_000, "message of 200000 bytes: expected at most 65536")]


def test_a_sequence_number_beyond_all_measure_is_refused() -> None:
    header = FrameHeader(
        site="demo",
        edge_node="store-1",
        stream=Stream.EVENTS,
        epoch="0" * 16,
        boot_id=BOOT,
        first_seq=2**62 + 1,
        sent_at=NOW,
    )
    rejected = decode(ReceivedMessage.of(_topic(), encode_frame(header, encoded([SCAN])), NOW))
    assert isinstance(rejected, Rejected)
    assert (rejected.code, rejected.stream) == ("malformed", Stream.EVENTS)


@pytest.mark.parametrize("rest", ["state", "hello"])
@pytest.mark.parametrize("payload", [b"", b"{}", b"\xff\xfe", b'{"kind":"birth","schema_version":9}', b"x" * 100_000])
def test_a_birth_or_hello_that_is_none_is_kept(database: Database, rest: str, payload: bytes) -> None:
    database.take(ReceivedMessage.of(f"medtap/v1/demo/store-1/{rest}", payload, NOW))
    assert database.value("SELECT count(*) FROM dead_letter") == 1
    assert database.rows("SELECT * FROM edge_node") == []
