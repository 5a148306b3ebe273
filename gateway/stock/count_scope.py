"""What counts have in common: which places they reach, the same request told again, and what they refuse."""

import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from gateway.db.pool import Connection
from gateway.stock.books import place_account
from gateway.stock.errors import WorkConflictError, WorkRefusedError


def content_sha256(content: Mapping[str, Any]) -> bytes:
    """Of a request: the same id with another digest is another request."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).digest()


def is_told_again(known: bytes | None, digest: bytes, what: str, identity: uuid.UUID) -> bool:
    """Whether this very request was taken before.

    Raises:
        WorkConflictError: the id is known with other content.
    """
    if known is None:
        return False
    if bytes(known) != digest:
        message = f"{what} {identity} is known with other content: expected a new id, or the same again"
        raise WorkConflictError("id_conflict", message)
    return True


def accounts_of(connection: Connection, place_ids: Sequence[str], *, below: bool) -> list[str]:
    """The accounts of these places, and with `below` of all places inside them; opened where there are none yet.

    Raises:
        WorkRefusedError: no place is named, or one does not exist.
    """
    if not place_ids:
        raise WorkRefusedError("place_missing", "no place is named: expected at least one")
    rows = connection.execute(
        "WITH RECURSIVE inside (place_id) AS (SELECT place_id FROM place WHERE place_id = ANY(%(places)s)"
        " UNION SELECT place.place_id FROM place JOIN inside ON place.parent_place_id = inside.place_id"
        " WHERE %(below)s) SELECT place_id FROM inside ORDER BY place_id",
        {"places": list(place_ids), "below": below},
    ).fetchall()
    found = [str(row[0]) for row in rows]
    missing = sorted(set(place_ids) - set(found))
    if missing:
        message = f"no place {missing[0]!r}: enter it first, or name one that exists"
        raise WorkRefusedError("place_unknown", message, place=missing[0])
    return [place_account(connection, place_id) for place_id in found]


def accounts_inside(connection: Connection, account_ids: Sequence[str]) -> dict[str, frozenset[str]]:
    """For each account of a place, itself and the accounts of all places inside it."""
    rows = connection.execute(
        "WITH RECURSIVE inside (top, place_id) AS (SELECT a.account_id, a.place_id FROM stock_account a"
        " WHERE a.account_id = ANY(%s) AND a.place_id IS NOT NULL UNION SELECT inside.top, place.place_id FROM place"
        " JOIN inside ON place.parent_place_id = inside.place_id) SELECT inside.top, array_agg(a.account_id)"
        " FROM inside JOIN stock_account a USING (place_id) GROUP BY 1",
        (list(account_ids),),
    )
    return {str(row[0]): frozenset(row[1]) for row in rows}
