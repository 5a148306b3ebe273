"""Passes of an RFID count: what the readers of a place have seen since the last one, or a list that someone sends."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from gateway.db.pool import Connection
from gateway.db.storable import storable
from gateway.stock.count_scope import accounts_of, content_sha256, is_told_again
from gateway.stock.errors import WorkNotFoundError, WorkRefusedError
from inventory.tag_count import ReadPass

Outcome = Literal["created", "exists"]
Source = Literal["readers", "upload"]
OPEN_STATES: Final = ("reading", "reconciled")
EPCS_MAX: Final = 200_000
"""Tags of one pass: a hand-held reader in the largest store reads fewer."""
_EPC_LENGTH_MAX: Final = 124
"""Hexadecimal digits: a Gen2 tag's EPC memory holds at most 62 bytes (see edge.contracts.observations.TagAppeared)."""


@dataclass(frozen=True)
class OpenCount:
    """A count that goes on; this transaction's until its end."""

    tag_count_id: uuid.UUID
    counted: tuple[str, ...]
    """The accounts of its places."""
    frozen_at: datetime
    company_prefixes: tuple[str, ...]


def lock_open(connection: Connection, tag_count_id: uuid.UUID) -> OpenCount:
    """Read a count and keep others from changing it.

    Raises:
        WorkNotFoundError: no such count.
        WorkRefusedError: it is closed.
    """
    row = connection.execute(
        "SELECT state, frozen_at, company_prefixes, ARRAY(SELECT account_id FROM tag_count_place p"
        " WHERE p.tag_count_id = tag_count.tag_count_id ORDER BY 1) FROM tag_count WHERE tag_count_id = %s FOR UPDATE",
        (tag_count_id,),
    ).fetchone()
    if row is None:
        raise WorkNotFoundError("tag_count_unknown", f"no RFID count {tag_count_id}")
    if row[0] not in OPEN_STATES:
        raise WorkRefusedError("tag_count_closed", f"the RFID count is {row[0]}: begin another")
    return OpenCount(tag_count_id, tuple(row[3]), row[1], tuple(row[2]))


@dataclass(frozen=True)
class UploadedPass:
    """What a hand-held reader read in one look at one place."""

    request_id: uuid.UUID
    """Made by the client: told again, it changes nothing."""
    tag_count_id: uuid.UUID
    place_id: str
    epcs: frozenset[str]
    taken_by: str


@dataclass(frozen=True)
class PassTaken:
    """A pass that is kept."""

    account_id: str
    number: int
    tags: int
    from_at: datetime
    until_at: datetime


def add_uploaded(connection: Connection, given: UploadedPass, now: datetime) -> Outcome:
    """Keep the list as one pass of its place.

    Raises:
        WorkNotFoundError: no such count.
        WorkRefusedError: it is closed, the place is not there, or what stands in the list can't be an EPC.
        WorkConflictError: the request's id is known with other content.
    """
    epcs = sorted({epc.strip().upper() for epc in given.epcs})
    wrong = next((epc for epc in epcs if not 1 <= len(epc) <= _EPC_LENGTH_MAX or not epc.isprintable()), None)
    if wrong is not None or len(epcs) > EPCS_MAX:
        if wrong is None:
            message = f"{len(epcs)} tags in one pass: expected at most {EPCS_MAX} EPCs"
            raise WorkRefusedError("too_many_tags", message, count=len(epcs), most=EPCS_MAX)
        message = f"{wrong!r} is no EPC: expected up to 124 hexadecimal digits"
        raise WorkRefusedError("epc_wrong", message, text=wrong[:40])
    digest = content_sha256({"count": given.tag_count_id, "place": given.place_id, "epcs": epcs})
    with connection.transaction():
        lock_open(connection, given.tag_count_id)
        if _is_known(connection, given.request_id, digest):
            return "exists"
        (account_id,) = accounts_of(connection, [given.place_id], below=False)
        kept = _Kept(given.request_id, given.tag_count_id, digest, "upload", given.taken_by)
        kept.insert(connection, account_id, now, now, epcs)
    return "created"


def take_from_readers(
    connection: Connection,
    tag_count_id: uuid.UUID,
    request_id: uuid.UUID,
    person: str,
    now: datetime,
) -> list[PassTaken]:
    """One pass of each counted place in which an RFID reader stands; told again, it answers as before.

    A tag is in it if it was there at any time since that place's last pass: it has not disappeared, or was seen later
    than that. A reader that is down says nothing: what it saw last may be gone. Passes that follow each other faster
    than a reader gives a tag up (`absent_after_s` of its driver) are not independent looks: that is the caller's care.

    Raises:
        WorkNotFoundError: no such count.
        WorkRefusedError: it is closed, or no reader that works stands in its places.
        WorkConflictError: the request's id is known with other content.
    """
    digest = content_sha256({"count": tag_count_id, "source": "readers"})
    with connection.transaction():
        head = lock_open(connection, tag_count_id)
        if not _is_known(connection, request_id, digest):
            kept = _Kept(request_id, tag_count_id, digest, "readers", person)
            for account_id, readers in _readers_up(connection, tag_count_id).items():
                from_at = _last_look(connection, tag_count_id, account_id) or head.frozen_at
                kept.insert(connection, account_id, from_at, now, _seen(connection, readers, from_at, now))
        return _taken(connection, request_id)


def read_passes(connection: Connection, count: OpenCount) -> list[ReadPass]:
    """The passes of a count, and one of each other place whose reader has seen a tag since the count began."""
    rows = connection.execute(
        "SELECT pass_number, account_id, epcs FROM tag_count_pass WHERE tag_count_id = %s ORDER BY pass_number",
        (count.tag_count_id,),
    )
    passes = [ReadPass(int(row[0]), str(row[1]), frozenset(row[2])) for row in rows]
    elsewhere = connection.execute(
        "SELECT a.account_id, array_agg(DISTINCT t.epc) FROM tag_presence t JOIN device d USING (device_key)"
        " JOIN stock_account a USING (place_id) WHERE NOT a.account_id = ANY(%s)"
        " AND (t.last_seen_at > %s OR t.disappeared_at IS NULL AND d.state IS DISTINCT FROM 'down') GROUP BY 1",
        (list(count.counted), count.frozen_at),
    )
    return passes + [ReadPass(0, str(row[0]), frozenset(row[1])) for row in elsewhere]


@dataclass(frozen=True)
class _Kept:
    request_id: uuid.UUID
    tag_count_id: uuid.UUID
    digest: bytes
    source: Source
    taken_by: str

    def insert(
        self, connection: Connection, account_id: str, from_at: datetime, until_at: datetime, epcs: Sequence[str]
    ) -> None:
        connection.execute(
            "INSERT INTO tag_count_pass (request_id, tag_count_id, content_sha256, account_id, pass_number, source,"
            " from_at, until_at, taken_by, epcs) SELECT %s, %s, %s, %s, coalesce(max(pass_number), 0) + 1, %s, %s, %s,"
            " %s, %s FROM tag_count_pass WHERE tag_count_id = %s",
            (
                *(self.request_id, self.tag_count_id, self.digest, account_id, self.source, from_at, until_at),
                *(self.taken_by, storable(list(epcs)), self.tag_count_id),
            ),
        )
        connection.execute(
            "UPDATE tag_count SET state = 'reading' WHERE tag_count_id = %s AND state <> 'reading'",
            (self.tag_count_id,),
        )


def _is_known(connection: Connection, request_id: uuid.UUID, digest: bytes) -> bool:
    row = connection.execute(
        "SELECT content_sha256 FROM tag_count_pass WHERE request_id = %s LIMIT 1", (request_id,)
    ).fetchone()
    return is_told_again(row[0] if row else None, digest, "request", request_id)


def _readers_up(connection: Connection, tag_count_id: uuid.UUID) -> dict[str, list[int]]:
    """Device keys of the working RFID readers of each counted place."""
    rows = connection.execute(
        "SELECT p.account_id, d.device_key, d.state IS DISTINCT FROM 'down' FROM tag_count_place p"
        " JOIN stock_account a USING (account_id) JOIN device d USING (place_id) WHERE p.tag_count_id = %s"
        " AND (d.driver = 'llrp' OR EXISTS (SELECT FROM tag_presence t WHERE t.device_key = d.device_key))"
        " ORDER BY 1, 2",
        (tag_count_id,),
    ).fetchall()
    if not rows:
        message = "no RFID reader stands in the places counted: send a hand-held reader's list"
        raise WorkRefusedError("no_reader", message)
    up: dict[str, list[int]] = {}
    for account_id, device_key, is_up in rows:
        if is_up:
            up.setdefault(str(account_id), []).append(int(device_key))
    if not up:
        message = "every RFID reader of the places counted is down: see to them, or send a list"
        raise WorkRefusedError("readers_down", message)
    return up


def _last_look(connection: Connection, tag_count_id: uuid.UUID, account_id: str) -> datetime | None:
    row = connection.execute(
        "SELECT max(until_at) FROM tag_count_pass WHERE tag_count_id = %s AND account_id = %s AND source = 'readers'",
        (tag_count_id, account_id),
    ).fetchone()
    return row[0] if row else None


def _seen(connection: Connection, readers: Sequence[int], from_at: datetime, until_at: datetime) -> list[str]:
    rows = connection.execute(
        "SELECT DISTINCT upper(epc) FROM tag_presence WHERE device_key = ANY(%s) AND appeared_at <= %s"
        " AND (disappeared_at IS NULL OR last_seen_at > %s) ORDER BY 1",
        (list(readers), until_at, from_at),
    )
    return [str(row[0]) for row in rows]


def _taken(connection: Connection, request_id: uuid.UUID) -> list[PassTaken]:
    rows = connection.execute(
        "SELECT account_id, pass_number, cardinality(epcs), from_at, until_at FROM tag_count_pass"
        " WHERE request_id = %s ORDER BY pass_number",
        (request_id,),
    )
    return [PassTaken(*row) for row in rows]
