"""Stations: readers of the issuing desk. A one-time link enrols one, a token lets it in until it is revoked.

What a station is to do with the next card stands in its row, so a restart of either side forgets nothing.
"""

import hashlib
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import psycopg
from psycopg.types.json import Jsonb

from gateway.db.pool import Connection
from gateway.db.storable import storable
from gateway.issuing.doer import Doer
from gateway.issuing.live import tell_desk
from gateway.stock.errors import WorkNotFoundError, WorkRefusedError

Task = Literal["look", "personalise", "batch"]
LINK_VALID: Final = timedelta(hours=24)
ENROL_PATH: Final = "/cards/enrol#"
"""The secret stands behind the #: browsers and proxies never send or log it."""
_SECRET_BYTES: Final = 32


@dataclass(frozen=True)
class Station:
    """One as it stands."""

    station_id: uuid.UUID
    name: str
    place_id: str | None
    enrolled_at: datetime | None
    revoked_at: datetime | None
    seen_at: datetime | None
    connected: bool
    task: Task
    request_id: uuid.UUID | None
    batch_id: uuid.UUID | None
    task_by: str
    showing: Mapping[str, Any]


_COLUMNS: Final = (
    "station_id, name, place_id, enrolled_at, revoked_at, seen_at, connected, task, request_id, batch_id, task_by,"
    " showing"
)


def make_station(
    connection: Connection, name: str, place_id: str | None, base_url: str, doer: Doer
) -> tuple[uuid.UUID, str]:
    """A new one, and its one-time link.

    Raises:
        WorkRefusedError: the name is taken, or there is no such place.
    """
    station_id = uuid.uuid4()
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    try:
        with connection.transaction():
            connection.execute(
                "INSERT INTO card_station (station_id, name, place_id, made_by, made_at, link_sha256, link_until)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s)",
                (station_id, storable(name), place_id, doer.username, doer.at, _digest(secret), doer.at + LINK_VALID),
            )
    except psycopg.errors.UniqueViolation:
        raise WorkRefusedError("card_station_name", f"a station {name!r} exists already", text=name) from None
    except psycopg.errors.ForeignKeyViolation:
        raise WorkRefusedError("place_unknown", f"there is no place {place_id!r}", place=place_id) from None
    tell_desk(connection, "station", station_id=str(station_id))
    return station_id, f"{base_url}{ENROL_PATH}{secret}"


def new_link(connection: Connection, station_id: uuid.UUID, base_url: str, now: datetime) -> str:
    """Another one-time link; the token that there was is worth nothing from now on.

    Raises:
        WorkNotFoundError: no such station, or it is revoked.
    """
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    done = connection.execute(
        "UPDATE card_station SET link_sha256 = %s, link_until = %s, token_sha256 = NULL, enrolled_at = NULL"
        " WHERE station_id = %s AND revoked_at IS NULL",
        (_digest(secret), now + LINK_VALID, station_id),
    )
    if not done.rowcount:
        raise WorkNotFoundError("card_station_unknown", f"station {station_id}: none, or revoked")
    return f"{base_url}{ENROL_PATH}{secret}"


def enrol(connection: Connection, secret: str, now: datetime) -> tuple[Station, str]:
    """Exchange the one-time secret for a token; the secret is gone.

    Raises:
        WorkRefusedError: used already, too old, or never given out.
    """
    token = secrets.token_urlsafe(_SECRET_BYTES)
    row = connection.execute(
        "UPDATE card_station SET link_sha256 = NULL, link_until = NULL, token_sha256 = %s, enrolled_at = %s"
        " WHERE link_sha256 = %s AND link_until > %s AND revoked_at IS NULL RETURNING station_id",
        (_digest(token), now, _digest(secret), now),
    ).fetchone()
    if row is None:
        raise WorkRefusedError("card_link_used", "the link was used, is too old, or was never given out")
    tell_desk(connection, "station", station_id=str(row[0]))
    return read_station(connection, row[0]), token


def station_of_token(connection: Connection, token: str) -> Station | None:
    """Whose token this is; None: nobody's any more."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM card_station WHERE token_sha256 = %s AND revoked_at IS NULL".encode(),  # noqa: S608 - our own columns
        (_digest(token),),
    ).fetchone()
    return Station(*row) if row else None


def revoke(connection: Connection, station_id: uuid.UUID, doer: Doer) -> None:
    """Never again; what it was to do is put off.

    Raises:
        WorkNotFoundError: no such station.
    """
    done = connection.execute(
        "UPDATE card_station SET revoked_at = coalesce(revoked_at, %s), revoked_by = coalesce(revoked_by, %s),"
        " token_sha256 = NULL, link_sha256 = NULL, task = 'look', request_id = NULL, batch_id = NULL"
        " WHERE station_id = %s",
        (doer.at, doer.username, station_id),
    )
    if not done.rowcount:
        raise WorkNotFoundError("card_station_unknown", f"station {station_id}: there is none")
    tell_desk(connection, "station", station_id=str(station_id))


def read_station(connection: Connection, station_id: uuid.UUID, *, lock: bool = False) -> Station:
    """One of them.

    Raises:
        WorkNotFoundError: there is none of this id.
    """
    if lock:
        connection.execute("SELECT FROM card_station WHERE station_id = %s FOR UPDATE", (station_id,))
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM card_station WHERE station_id = %s".encode(),  # noqa: S608 - our own columns
        (station_id,),
    ).fetchone()
    if row is None:
        raise WorkNotFoundError("card_station_unknown", f"station {station_id}: there is none")
    return Station(*row)


def stations(connection: Connection, *, revoked: bool = False) -> list[Station]:
    """In the order of their names."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM card_station WHERE %s OR revoked_at IS NULL ORDER BY name".encode(),  # noqa: S608 - our own columns
        (revoked,),
    )
    return [Station(*row) for row in rows]


def set_task(
    connection: Connection,
    station_id: uuid.UUID,
    by: str,
    *,
    request_id: uuid.UUID | None = None,
    batch_id: uuid.UUID | None = None,
) -> None:
    """What to do with the next card: personalise it for a request, or go on with a batch; neither: look at it.

    Raises:
        WorkNotFoundError: no such station, or it is revoked.
    """
    task: Task = "personalise" if request_id else "batch" if batch_id else "look"
    done = connection.execute(
        "UPDATE card_station SET task = %s, request_id = %s, batch_id = %s, task_by = %s"
        " WHERE station_id = %s AND revoked_at IS NULL",
        (task, request_id, batch_id, by, station_id),
    )
    if not done.rowcount:
        raise WorkNotFoundError("card_station_unknown", f"station {station_id}: none, or revoked")
    tell_desk(connection, "station", station_id=str(station_id))


def put_off(connection: Connection, *, request_id: uuid.UUID | None = None, batch_id: uuid.UUID | None = None) -> None:
    """Whatever station was to do this looks at cards again."""
    connection.execute(
        "UPDATE card_station SET task = 'look', request_id = NULL, batch_id = NULL"
        " WHERE (request_id = %s OR batch_id = %s)",
        (request_id, batch_id),
    )


def show(connection: Connection, station_id: uuid.UUID, showing: Mapping[str, Any], now: datetime) -> None:
    """What lies on it and what came of it: codes, ids, numbers."""
    connection.execute(
        "UPDATE card_station SET showing = %s, seen_at = %s WHERE station_id = %s",
        (Jsonb(storable(dict(showing))), now, station_id),
    )
    tell_desk(connection, "station", station_id=str(station_id))


def set_connected(connection: Connection, station_id: uuid.UUID, now: datetime, *, connected: bool) -> None:
    """It is there, or it is not."""
    connection.execute(
        "UPDATE card_station SET connected = %s, seen_at = %s, showing = '{}' WHERE station_id = %s",
        (connected, now, station_id),
    )
    tell_desk(connection, "station", station_id=str(station_id))


def nobody_is_connected(connection: Connection) -> None:
    """At the start of the gateway."""
    connection.execute("UPDATE card_station SET connected = false, showing = '{}' WHERE connected")


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
