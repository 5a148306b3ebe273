"""Live events: what a page shows as it happens, written in the transaction that makes it true."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from psycopg.types.json import Jsonb

from gateway.db.pool import Connection

Audience = Literal["pharmacy", "desk", "on_call", "queue"]
AUDIENCES: Final[tuple[Audience, ...]] = ("pharmacy", "desk", "on_call")
"""Who hears of devices; queues of clinics and boards in waiting rooms hear of queues alone."""
CHANNEL: Final = "medtap_live"
_ORDER_LOCK: Final = 7203001
"""Ids are given under this advisory lock, held to the commit: whoever has seen id n has seen all below it."""


@dataclass(frozen=True)
class NewLiveEvent:
    """To be written: keys and numbers only, never a person's name."""

    audience: Audience
    kind: str
    payload: Mapping[str, Any] = field(default_factory=dict)


def to_everyone(kind: str, payload: Mapping[str, Any]) -> tuple[NewLiveEvent, ...]:
    """The same event for each audience."""
    return tuple(NewLiveEvent(audience, kind, payload) for audience in AUDIENCES)


def publish(connection: Connection, events: Iterable[NewLiveEvent]) -> None:
    """Write events and wake the pages at commit. Call late in the transaction: it takes the order lock."""
    rows = [(event.audience, event.kind, Jsonb(event.payload)) for event in events]
    if not rows:
        return
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (_ORDER_LOCK,))
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO live_event (audience, kind, payload) VALUES (%s, %s, %s)", rows)
    connection.execute("SELECT pg_notify(%s, '')", (CHANNEL,))
