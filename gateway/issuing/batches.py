"""Batches: cards put on a reader one after the other, to be made, or to be brought to the current keys.

A batch may be paused, interrupted and gone on with anywhere: which of its cards are done stands in its rows, and what
is on a half-done chip stands on the chip.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from gateway.db.pool import Connection
from gateway.db.storable import storable
from gateway.issuing import stations
from gateway.issuing.doer import Doer
from gateway.issuing.live import tell_desk
from gateway.issuing.requests import NewRequest, Profile, create_request
from gateway.stock.errors import WorkConflictError, WorkNotFoundError, WorkRefusedError

BatchState = Literal["ready", "running", "paused", "finished", "cancelled"]
BatchKind = Literal["new", "rekey"]
ITEMS_MAX: Final = 5000


@dataclass(frozen=True)
class Batch:
    """One as it stands."""

    batch_id: uuid.UUID
    batch_number: int
    kind: BatchKind
    profile: Profile
    title: str
    state: BatchState
    made_by: str
    made_at: datetime
    total: int
    done: int
    skipped: int

    @property
    def waiting(self) -> int:
        """Cards still to come."""
        return self.total - self.done - self.skipped


@dataclass(frozen=True)
class BatchName:
    """Of a new one. The id is the client's: sent again, it is the same batch."""

    batch_id: uuid.UUID
    title: str = ""


@dataclass(frozen=True)
class BatchItem:
    """One card of it."""

    position: int
    request_id: uuid.UUID
    state: Literal["waiting", "done", "skipped"]
    note: str
    card_number: str
    card_id: str | None
    patient_id: uuid.UUID


_QUERY: Final = (
    "SELECT b.batch_id, b.batch_number, b.kind, b.profile, b.title, b.state, b.made_by, b.made_at,"
    " count(i.*), count(i.*) FILTER (WHERE i.state = 'done'), count(i.*) FILTER (WHERE i.state = 'skipped')"
    " FROM card_batch b LEFT JOIN card_batch_item i USING (batch_id)"
)


def batches(connection: Connection, limit: int = 50) -> list[Batch]:
    """The newest first."""
    rows = connection.execute(f"{_QUERY} GROUP BY b.batch_id ORDER BY b.batch_number DESC LIMIT %s".encode(), (limit,))
    return [Batch(*row) for row in rows]


def read_batch(connection: Connection, batch_id: uuid.UUID | int, *, lock: bool = False) -> Batch:
    """By its id or its number.

    Raises:
        WorkNotFoundError: there is none.
    """
    column = "batch_number" if isinstance(batch_id, int) else "batch_id"
    if lock:
        connection.execute(f"SELECT FROM card_batch WHERE {column} = %s FOR UPDATE".encode(), (batch_id,))
    row = connection.execute(f"{_QUERY} WHERE b.{column} = %s GROUP BY b.batch_id".encode(), (batch_id,)).fetchone()
    if row is None:
        raise WorkNotFoundError("card_batch_unknown", f"batch {batch_id}: there is none")
    return Batch(*row)


def items_of(connection: Connection, batch_id: uuid.UUID) -> list[BatchItem]:
    """In their order."""
    rows = connection.execute(
        "SELECT i.position, i.request_id, i.state, i.note, r.card_number, r.card_id, r.patient_id"
        " FROM card_batch_item i JOIN card_request r USING (request_id) WHERE i.batch_id = %s ORDER BY i.position",
        (batch_id,),
    )
    return [BatchItem(*row) for row in rows]


def make_new_batch(connection: Connection, name: BatchName, wanted: Sequence[NewRequest], doer: Doer) -> Batch:
    """A batch of new cards: a request each, in this order; all or none.

    Raises:
        WorkRefusedError: nothing in it, too much, cards of both kinds, or one of the requests can't be.
        WorkConflictError: the id is known with another content.
    """
    profiles = {one.profile for one in wanted}
    if not wanted or len(wanted) > ITEMS_MAX or len(profiles) != 1:
        raise WorkRefusedError(
            "card_batch_content",
            f"{len(wanted)} cards of {len(profiles)} kinds: expected 1 to {ITEMS_MAX} of one kind",
            count=len(wanted),
            most=ITEMS_MAX,
        )
    if _exists(connection, name.batch_id, [one.request_id for one in wanted]):
        return read_batch(connection, name.batch_id)
    for one in wanted:
        create_request(connection, one, doer)
    return _insert(connection, name, ("new", profiles.pop()), [one.request_id for one in wanted], doer)


def make_batch_of_requests(
    connection: Connection, name: BatchName, request_ids: Sequence[uuid.UUID], doer: Doer
) -> Batch:
    """A batch of requests that wait already.

    Raises:
        As `make_new_batch`.
    """
    rows = connection.execute(
        "SELECT r.request_id, r.profile FROM card_request r WHERE r.request_id = ANY(%s)"
        " AND r.state IN ('requested', 'personalising') AND NOT EXISTS (SELECT FROM card_batch_item i JOIN card_batch b"
        " USING (batch_id) WHERE i.request_id = r.request_id AND b.state IN ('ready', 'running', 'paused'))"
        " ORDER BY r.urgent DESC, r.requested_at, r.request_id",
        (list(request_ids),),
    ).fetchall()
    profiles = {row[1] for row in rows}
    if not rows or len(rows) > ITEMS_MAX or len(profiles) != 1:
        raise WorkRefusedError(
            "card_batch_content",
            f"{len(rows)} cards of {len(profiles)} kinds: expected 1 to {ITEMS_MAX} of one kind",
            count=len(rows),
            most=ITEMS_MAX,
        )
    return _insert(connection, name, ("new", profiles.pop()), [row[0] for row in rows], doer)


def make_rekey_batch(connection: Connection, name: BatchName, profile: Profile, current: int, doer: Doer) -> Batch:
    """A batch of all cards that still have older keys than version `current`.

    Raises:
        WorkRefusedError: there are none.
    """
    old = [one.request_id for one in cards_on_old_keys(connection, current) if one.profile == profile]
    if not old:
        raise WorkRefusedError("card_batch_content", "no card has older keys", count=0, most=ITEMS_MAX)
    return _insert(connection, name, ("rekey", profile), old[:ITEMS_MAX], doer)


@dataclass(frozen=True)
class OldKeys:
    """A card that is in somebody's hands with keys of an older version."""

    request_id: uuid.UUID
    card_number: str
    card_id: str
    patient_id: uuid.UUID
    profile: Profile
    key_version: int


def cards_on_old_keys(connection: Connection, current: int) -> list[OldKeys]:
    """Those with the oldest keys first."""
    rows = connection.execute(
        "SELECT r.request_id, r.card_number, r.card_id, r.patient_id, r.profile, c.key_version FROM card_request r"
        " JOIN card c USING (card_id) WHERE r.state = 'handed_over' AND c.state IN ('active', 'found')"
        " AND c.key_version < %s ORDER BY c.key_version, r.card_number",
        (current,),
    )
    return [OldKeys(*row) for row in rows]


def begin_batch(connection: Connection, batch_id: uuid.UUID, station_id: uuid.UUID, doer: Doer) -> Batch:
    """Let a station go on with it from now on.

    Raises:
        WorkRefusedError: it is finished or cancelled, or the station does something else.
        WorkNotFoundError: no such batch or station.
    """
    batch = read_batch(connection, batch_id, lock=True)
    _require(batch, "ready", "running", "paused")
    station = stations.read_station(connection, station_id, lock=True)
    if station.task == "batch" and station.batch_id != batch.batch_id:
        raise WorkRefusedError("card_station_task", f"station {station.name} is at another batch", text=station.name)
    stations.put_off(connection, batch_id=batch.batch_id)
    stations.set_task(connection, station_id, doer.username, batch_id=batch.batch_id)
    return _move(connection, batch, "running", doer)


def pause_batch(connection: Connection, batch_id: uuid.UUID, doer: Doer) -> Batch:
    """Nobody goes on with it for now.

    Raises:
        WorkRefusedError: it is finished or cancelled.
    """
    batch = read_batch(connection, batch_id, lock=True)
    _require(batch, "ready", "running", "paused")
    stations.put_off(connection, batch_id=batch.batch_id)
    return _move(connection, batch, "paused", doer)


def cancel_batch(connection: Connection, batch_id: uuid.UUID, doer: Doer) -> Batch:
    """Give it up. Its requests stay, to be made one by one or in another batch.

    Raises:
        WorkRefusedError: it is finished already.
    """
    batch = read_batch(connection, batch_id, lock=True)
    _require(batch, "ready", "running", "paused")
    stations.put_off(connection, batch_id=batch.batch_id)
    return _move(connection, batch, "cancelled", doer)


def skip_item(connection: Connection, batch_id: uuid.UUID, position: int, note: str, doer: Doer) -> Batch:
    """Leave one out; its request stays.

    Raises:
        WorkRefusedError: the batch is over, or this one is done.
    """
    batch = read_batch(connection, batch_id, lock=True)
    _require(batch, "ready", "running", "paused")
    done = connection.execute(
        "UPDATE card_batch_item SET state = 'skipped', note = %s, changed_at = %s"
        " WHERE batch_id = %s AND position = %s AND state = 'waiting'",
        (storable(note), doer.at, batch.batch_id, position),
    )
    if not done.rowcount:
        raise WorkRefusedError("card_batch_item", f"line {position}: it is done, or there is none")
    return finish_if_done(connection, batch.batch_id, doer)


def next_of_batch(connection: Connection, batch_id: uuid.UUID) -> uuid.UUID | None:
    """The request that the next blank card is for; None: all are done.

    One that was begun on a chip comes last: its chip is put on again, and known by itself.
    """
    row = connection.execute(
        "SELECT i.request_id FROM card_batch_item i JOIN card_request r USING (request_id) WHERE i.batch_id = %s"
        " AND i.state = 'waiting' AND r.state IN ('requested', 'personalising')"
        " ORDER BY r.state = 'personalising', i.position LIMIT 1",
        (batch_id,),
    ).fetchone()
    return row[0] if row else None


def item_done(connection: Connection, batch_id: uuid.UUID, request_id: uuid.UUID, doer: Doer) -> Batch:
    """This one is done."""
    connection.execute(
        "UPDATE card_batch_item SET state = 'done', note = '', changed_at = %s WHERE batch_id = %s AND request_id = %s",
        (doer.at, batch_id, request_id),
    )
    return finish_if_done(connection, batch_id, doer)


def finish_if_done(connection: Connection, batch_id: uuid.UUID, doer: Doer) -> Batch:
    """The batch as it is now; finished, if nothing of it waits."""
    connection.execute(
        "UPDATE card_batch_item i SET state = 'skipped', note = 'cancelled', changed_at = %s FROM card_request r"
        " WHERE i.batch_id = %s AND i.state = 'waiting' AND r.request_id = i.request_id AND r.state = 'cancelled'",
        (doer.at, batch_id),
    )
    batch = read_batch(connection, batch_id, lock=True)
    if batch.waiting or batch.state in {"finished", "cancelled"}:
        tell_desk(connection, "batch", batch_id=str(batch_id))
        return batch
    stations.put_off(connection, batch_id=batch_id)
    return _move(connection, batch, "finished", doer)


def _exists(connection: Connection, batch_id: uuid.UUID, request_ids: list[uuid.UUID]) -> bool:
    if connection.execute("SELECT FROM card_batch WHERE batch_id = %s", (batch_id,)).fetchone() is None:
        return False
    if [one.request_id for one in items_of(connection, batch_id)] != request_ids:
        raise WorkConflictError("id_conflict", f"batch {batch_id} is saved with other content")
    return True


def _insert(
    connection: Connection,
    name: BatchName,
    kinds: tuple[BatchKind, Profile],
    request_ids: Sequence[uuid.UUID],
    doer: Doer,
) -> Batch:
    batch_id = name.batch_id
    connection.execute(
        "INSERT INTO card_batch (batch_id, kind, profile, title, made_by, made_at, changed_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (batch_id, *kinds, storable(name.title), doer.username, doer.at, doer.at),
    )
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO card_batch_item (batch_id, position, request_id, changed_at) VALUES (%s, %s, %s, %s)",
            [(batch_id, position, request_id, doer.at) for position, request_id in enumerate(request_ids, 1)],
        )
    tell_desk(connection, "batch", batch_id=str(batch_id))
    return read_batch(connection, batch_id)


def _require(batch: Batch, *states: BatchState) -> None:
    if batch.state not in states:
        raise WorkRefusedError(
            "card_batch_state",
            f"batch {batch.batch_number} is {batch.state}: expected {' or '.join(states)}",
            number=str(batch.batch_number),
            state=batch.state,
        )


def _move(connection: Connection, batch: Batch, state: BatchState, doer: Doer) -> Batch:
    connection.execute(
        "UPDATE card_batch SET state = %s, changed_at = %s WHERE batch_id = %s", (state, doer.at, batch.batch_id)
    )
    tell_desk(connection, "batch", batch_id=str(batch.batch_id))
    return read_batch(connection, batch.batch_id)
