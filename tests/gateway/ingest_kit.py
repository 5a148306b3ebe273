"""An ingest on a real database, and an edge node's side of the wire for it."""

import itertools
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
from cryptography.hazmat.primitives.asymmetric import ec

from cards.ntag424.desk_keys import DeskKeys
from cards.trust import TrustAnchors
from edge.contracts import topics
from edge.contracts.frame import FrameHeader, encode_frame
from edge.contracts.observations import OBSERVATION, Event, GapDeclared, Telemetry, TemperatureMeasured
from edge.contracts.streams import Stream
from edge.contracts.topics import Sender
from gateway.alarms.judge import TemperatureJudge
from gateway.db.pool import Pool
from gateway.ingest.committer import Committed, Committer
from gateway.ingest.decoder import decode
from gateway.ingest.message import ReceivedMessage
from gateway.ingest.postgres_store import PostgresStore, ReadingJudge
from gateway.ingest.projection import HospitalProjection, Projection
from gateway.services.check_in import CheckIn
from gateway.services.site_file import import_site, parse_site
from gateway.services.stock import Stock
from gateway.taps.judging import TapJudge
from gateway.taps.presence_token import PresenceTokens
from tests.gateway.fresh_rows import fresh_rows

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
NOW = datetime(2026, 11, 22, 5, 0, tzinfo=UTC)
"""Noon in Ho Chi Minh City."""
BOOT = "b007" * 4


@dataclass
class Node:
    """An edge node with one outbox."""

    edge_node: str = "store-1"
    site: str = "demo"
    epoch: str = "00000000000000e1"
    boot_id: str = BOOT
    next_seq: dict[Stream, int] = field(default_factory=lambda: dict.fromkeys(Stream, 1))

    @property
    def sender(self) -> Sender:
        """Its name."""
        return Sender(self.site, self.edge_node)

    def rows(
        self, stream: Stream, rows: Sequence[bytes], *, first_seq: int | None = None, at: datetime = NOW
    ) -> ReceivedMessage:
        """A frame of encoded rows, as the broker delivers it at `at`; numbered on unless told otherwise."""
        if first_seq is None:
            first_seq = self.next_seq[stream]
            self.next_seq[stream] += len(rows)
        header = FrameHeader(
            site=self.site,
            edge_node=self.edge_node,
            stream=stream,
            epoch=self.epoch,
            boot_id=self.boot_id,
            first_seq=first_seq,
            sent_at=at,
        )
        return ReceivedMessage.of(topics.up(self.sender, stream), encode_frame(header, rows), at)

    def events(self, *events: Event | GapDeclared, first_seq: int | None = None, at: datetime = NOW) -> ReceivedMessage:
        """A frame of events."""
        return self.rows(Stream.EVENTS, encoded(events), first_seq=first_seq, at=at)

    def readings(
        self, *readings: Telemetry | GapDeclared, first_seq: int | None = None, at: datetime | None = None
    ) -> ReceivedMessage:
        """A frame of readings; sent when the last of them was made, but not before NOW, unless told otherwise."""
        sent_at = at or max(NOW, *(each.occurred_at for each in readings), NOW)
        return self.rows(Stream.TELEMETRY, encoded(readings), first_seq=first_seq, at=sent_at)


def encoded(observations: Iterable[Event | Telemetry | GapDeclared]) -> list[bytes]:
    """Rows as an outbox keeps them."""
    return [OBSERVATION.dump_json(observation) for observation in observations]


_MONOTONIC = itertools.count(1)


def reading(celsius: float, *, at: datetime = NOW, device: str = "fridge-1-probe") -> TemperatureMeasured:
    """A temperature."""
    return TemperatureMeasured(
        device_id=device, occurred_at=at, monotonic_ns=next(_MONOTONIC), temperature_celsius=celsius
    )


def readings_from(start: datetime, celsius: Iterable[float], *, every_s: float = 10.0) -> list[TemperatureMeasured]:
    """A series."""
    return [reading(value, at=start + timedelta(seconds=every_s * index)) for index, value in enumerate(celsius)]


PLACES: list[dict[str, Any]] = [
    {"place_id": "hospital", "kind": "site", "name_vi": "Bệnh viện Nhi", "name_en": "Children's hospital"},
    {
        "place_id": "store",
        "parent_place_id": "hospital",
        "kind": "store",
        "name_vi": "Kho chính",
        "name_en": "Main store",
    },
    {
        "place_id": "ward",
        "parent_place_id": "hospital",
        "kind": "ward",
        "name_vi": "Khoa Nội",
        "name_en": "Internal ward",
    },
    {
        "place_id": "fridge-1",
        "parent_place_id": "store",
        "kind": "fridge",
        "name_vi": "Tủ vắc-xin 1",
        "name_en": "Vaccine fridge 1",
        "temperature_low_celsius": 2.0,
        "temperature_high_celsius": 8.0,
        "alarm_after_s": 60,
    },
    {
        "place_id": "desk",
        "parent_place_id": "hospital",
        "kind": "desk",
        "name_vi": "Quầy 1",
        "name_en": "Desk 1",
    },
]
GTIN = "08935234567895"


def device(device_id: str, place_id: str | None, scan_action: str = "lookup") -> dict[str, Any]:
    """A device of the site file."""
    where = {"site": "demo", "edge_node": "store-1", "device_id": device_id}
    return {**where, "place_id": place_id, "scan_action": scan_action}


SITE: dict[str, Any] = {
    "places": PLACES,
    "devices": [
        device("fridge-1-probe", "fridge-1"),
        device("scanner-receiving", "store", "receive"),
        device("scanner-issue", "store", "issue"),
        device("ward-receiving", "ward", "receive"),
        device("ward-issue", "ward", "issue"),
        device("nfc-pharmacy", "store"),
        device("homeless", None, "receive"),
        device("card-reader", "desk"),
    ],
    "products": [
        {
            "gtin": GTIN,
            "name_vi": "Paracetamol 500 mg",
            "name_en": "Paracetamol 500 mg",
            "base_unit_vi": "viên",
            "base_unit_en": "tablet",
            "units_per_pack": 100,
        }
    ],
}


def furnish(dsn: str) -> None:
    """The site, in a database that was just migrated."""
    with psycopg.connect(dsn) as connection:
        import_site(connection, parse_site(SITE))


def empty_and_furnish(dsn: str) -> None:
    """All tables as after the migrations, and the site in them. Faster than a new database for each test."""
    with psycopg.connect(dsn) as connection:
        fresh_rows(connection)
        import_site(connection, parse_site(SITE))


class Database:
    """A migrated database with a site in it, and a committer on it."""

    def __init__(self, dsn: str, pool: Pool) -> None:
        self.dsn = dsn
        self.pool = pool
        self.anchors = TrustAnchors()
        self.address_keys = DeskKeys({})
        self.tokens = PresenceTokens(ec.generate_private_key(ec.SECP256R1()))
        judge = TapJudge(lambda: self.anchors, lambda: self.address_keys)
        self.projection: Projection = HospitalProjection(CheckIn(judge, ZONE, self.tokens), Stock(ZONE))
        self.committer = self.another_committer()

    def another_committer(
        self, projection: Projection | None = None, *, judge: ReadingJudge | None = None, pool: Pool | None = None
    ) -> Committer:
        """As another gateway process would have it."""
        judge = judge or TemperatureJudge(ZONE, lambda: NOW)
        return Committer(PostgresStore(pool or self.pool, projection or self.projection, judge))

    def take(self, *messages: ReceivedMessage) -> Committed:
        """Decode and commit as one batch."""
        return self.committer.commit([decode(message) for message in messages])

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Rows of a query."""
        with psycopg.connect(self.dsn) as connection:
            return connection.execute(query.encode(), parameters).fetchall()

    def value(self, query: str, *parameters: object) -> Any:  # noqa: ANN401 - whatever the database holds
        """First column of the first row."""
        return self.rows(query, *parameters)[0][0]

    def column(self, query: str, *parameters: object) -> list[Any]:
        """First column of all rows."""
        return [row[0] for row in self.rows(query, *parameters)]

    def run(self, statement: str, *parameters: object) -> None:
        """A statement, committed."""
        with psycopg.connect(self.dsn) as connection:
            connection.execute(statement.encode(), parameters)


def as_json(message: ReceivedMessage) -> dict[str, Any]:
    """A frame's JSON, to be spoilt."""
    table: dict[str, Any] = json.loads(message.payload)
    return table
