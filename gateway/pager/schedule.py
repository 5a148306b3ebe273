"""The schedule in the database: layers, overrides, holidays, hand-over notes; a hole is said at once."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from gateway.db.pool import Connection
from gateway.pager.errors import PagerError, PagerNotFoundError
from gateway.pager.rota import Layer, Override, Rota, Shift

LOOK_AHEAD: Final = timedelta(days=14)
"""Holes are told so long before: time enough to find somebody."""
_LAYER: Final = (
    "SELECT layer_id, name, level, members, first_day, hand_over_at, turn_days, last_day, weekdays, holidays,"
    " from_time, to_time, priority FROM rota_layer WHERE removed_at IS NULL"
)
_OVERRIDE: Final = (
    "SELECT override_id, level, username, starts_at, ends_at, made_at, reason FROM rota_override"
    " WHERE removed_at IS NULL AND ends_at > %s"
)


def read_rota(connection: Connection, zone: ZoneInfo, reachable: frozenset[str] | None, since: datetime) -> Rota:
    """All that counts from `since` on."""
    layers = [
        Layer(
            *(row[0], row[1], row[2], tuple(row[3]), row[4], row[5], row[6], row[7]),
            *(frozenset(row[8]), row[9], row[10], row[11], row[12]),
        )
        for row in connection.execute(f"{_LAYER} ORDER BY made_at, layer_id".encode())
    ]
    overrides = [Override(*row) for row in connection.execute(_OVERRIDE, (since,))]
    holidays = {day: str(name) for day, name in connection.execute("SELECT day, name FROM rota_holiday")}
    return Rota(zone, layers, overrides, holidays, reachable)


def holes(rota: Rota, start: datetime, length: timedelta = LOOK_AHEAD) -> list[Shift]:
    """When nobody who can be reached is on call, at the first level; a page then goes to the next level at once."""
    return rota.holes(1, start, start + length)


@dataclass(frozen=True)
class Writer:
    """Who changes the schedule, and when."""

    username: str
    now: datetime


def add_layer(connection: Connection, layer: Layer, known: Sequence[str], by: Writer) -> UUID:
    """Put a layer into the schedule.

    Raises:
        PagerError: a member without an account in use (`no_such_person`).
    """
    for member in layer.members:
        if member not in known:
            raise PagerError("no_such_person", f"there is no active account {member!r}", person=member)
    connection.execute(
        "INSERT INTO rota_layer (layer_id, name, level, members, first_day, hand_over_at, turn_days, last_day,"
        " weekdays, holidays, from_time, to_time, priority, made_by, made_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            *(layer.layer_id, layer.name, layer.level, list(layer.members), layer.first_day, layer.hand_over_at),
            *(layer.turn_days, layer.last_day, sorted(layer.weekdays), layer.holidays, layer.from_time),
            *(layer.to_time, layer.priority, by.username, by.now),
        ),
    )
    return layer.layer_id


def remove_layer(connection: Connection, layer_id: UUID, by: Writer) -> str:
    """Take a layer out; its name.

    Raises:
        PagerNotFoundError: there is none (`no_such_layer`).
    """
    row = connection.execute(
        "UPDATE rota_layer SET removed_at = %s WHERE layer_id = %s AND removed_at IS NULL RETURNING name",
        (by.now, layer_id),
    ).fetchone()
    if row is None:
        raise PagerNotFoundError("no_such_layer", f"there is no layer {layer_id} in the schedule")
    return str(row[0])


@dataclass(frozen=True)
class NewOverride:
    """Somebody instead of whoever the layers say."""

    level: int
    username: str
    starts_at: datetime
    ends_at: datetime
    reason: str


def add_override(connection: Connection, new: NewOverride, known: Sequence[str], by: Writer) -> UUID:
    """Put somebody else on call for a while.

    Raises:
        PagerError: no such person, an end not after its start, wholly in the past, or no reason (`no_such_person`,
            `bad_span`, `no_reason`).
    """
    if new.username not in known:
        raise PagerError("no_such_person", f"there is no active account {new.username!r}", person=new.username)
    if new.ends_at <= new.starts_at or new.ends_at <= by.now:
        raise PagerError("bad_span", f"from {new.starts_at} to {new.ends_at}: expected an end after the start, to come")
    if not new.reason.strip():
        raise PagerError("no_reason", "no reason given: say why, the next person reads it")
    override_id = uuid.uuid4()
    connection.execute(
        "INSERT INTO rota_override (override_id, level, username, starts_at, ends_at, reason, made_by, made_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        (
            *(override_id, new.level, new.username, new.starts_at, new.ends_at, new.reason.strip()),
            *(by.username, by.now),
        ),
    )
    return override_id


@dataclass(frozen=True)
class Swap:
    """Two spans of one level that change hands."""

    level: int
    first: tuple[datetime, datetime]
    second: tuple[datetime, datetime]
    reason: str


def swap(connection: Connection, rota: Rota, wanted: Swap, known: Sequence[str], by: Writer) -> tuple[UUID, UUID]:
    """Two people exchange two spans: who is on call at the beginning of each takes the other one.

    Raises:
        PagerError: nobody is on call in one of them, or the same person in both (`nothing_to_swap`); as `add_override`.
    """
    first, second = rota.who(wanted.level, wanted.first[0]), rota.who(wanted.level, wanted.second[0])
    if first is None or second is None or first == second:
        raise PagerError("nothing_to_swap", f"{first!r} and {second!r} can't swap: expected two different people")
    one = NewOverride(wanted.level, second, *wanted.first, wanted.reason)
    other = NewOverride(wanted.level, first, *wanted.second, wanted.reason)
    return add_override(connection, one, known, by), add_override(connection, other, known, by)


def remove_override(connection: Connection, override_id: UUID, by: Writer) -> None:
    """Back to what the layers say.

    Raises:
        PagerNotFoundError: there is none (`no_such_override`).
    """
    row = connection.execute(
        "UPDATE rota_override SET removed_at = %s WHERE override_id = %s AND removed_at IS NULL RETURNING 1",
        (by.now, override_id),
    ).fetchone()
    if row is None:
        raise PagerNotFoundError("no_such_override", f"there is no override {override_id} in the schedule")


def set_holiday(connection: Connection, day: date, name: str) -> None:
    """A day on which layers for holidays count; without a name it is none any more."""
    if name.strip():
        connection.execute(
            "INSERT INTO rota_holiday (day, name) VALUES (%s, %s) ON CONFLICT (day) DO UPDATE SET name = excluded.name",
            (day, name.strip()),
        )
    else:
        connection.execute("DELETE FROM rota_holiday WHERE day = %s", (day,))


@dataclass(frozen=True)
class HandOverNote:
    """What one shift tells the next."""

    note_id: UUID
    written_at: datetime
    username: str
    note: str


def write_note(connection: Connection, note: str, by: Writer) -> UUID:
    """Leave a note for whoever comes next.

    Raises:
        PagerError: it is empty (`no_note`).
    """
    if not note.strip():
        raise PagerError("no_note", "an empty note: write what the next person must know")
    note_id = uuid.uuid4()
    connection.execute(
        "INSERT INTO rota_note (note_id, written_at, username, note) VALUES (%s, %s, %s, %s)",
        (note_id, by.now, by.username, note.strip()),
    )
    return note_id


def latest_notes(connection: Connection, limit: int = 5) -> list[HandOverNote]:
    """Newest first."""
    rows = connection.execute(
        "SELECT note_id, written_at, username, note FROM rota_note ORDER BY written_at DESC LIMIT %s", (limit,)
    )
    return [HandOverNote(*row) for row in rows]


def overrides(connection: Connection, since: datetime) -> list[Override]:
    """Those that are not over, in order."""
    return [Override(*row) for row in connection.execute(f"{_OVERRIDE} ORDER BY starts_at".encode(), (since,))]
