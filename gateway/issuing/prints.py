"""Each printing of a card's face is written down: the first, and why any other."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from gateway.db.pool import Connection
from gateway.db.storable import storable
from gateway.issuing.doer import Doer
from gateway.issuing.requests import add_step, move_request, read_request, require_state
from gateway.stock.errors import WorkNotFoundError, WorkRefusedError

OPEN_FOR: Final = timedelta(minutes=15)
"""So long whoever ordered a printing may fetch its file: a browser asks for it twice, a printer is switched on."""


@dataclass(frozen=True)
class Print:
    """One printing."""

    print_id: UUID
    request_id: UUID
    card_number: str
    copy_number: int
    at: datetime
    by: str
    reason: str


_QUERY: Final = (
    "SELECT p.print_id, p.request_id, r.card_number, p.copy_number, p.at, p.by, p.reason FROM card_print p"
    " JOIN card_request r USING (request_id)"
)


def order_print(connection: Connection, request_id: UUID, reason: str, doer: Doer) -> Print:
    """Print a finished card's face. Any but the first needs a reason.

    Raises:
        WorkRefusedError: the card is not finished, or a reprint without a reason.
    """
    request = read_request(connection, request_id, lock=True)
    require_state(request, "personalised", "printed", "handed_over")
    row = connection.execute(
        "SELECT coalesce(max(copy_number), 0) + 1 FROM card_print WHERE request_id = %s", (request_id,)
    ).fetchone()
    copy_number = int(row[0]) if row else 1
    if copy_number > 1 and not reason.strip():
        raise WorkRefusedError("card_reprint_reason", "why it is printed again is not said")
    print_id = uuid.uuid4()
    connection.execute(
        "INSERT INTO card_print (print_id, request_id, copy_number, at, by, reason) VALUES (%s, %s, %s, %s, %s, %s)",
        (
            print_id,
            request_id,
            copy_number,
            doer.at,
            doer.username,
            storable(reason.strip()) if copy_number > 1 else "",
        ),
    )
    if request.state == "personalised":
        move_request(connection, request, "printed", doer, step="printed", copy_number=copy_number)
    else:
        add_step(connection, request_id, "printed", doer, copy_number=copy_number, why=reason)
    return read_print(connection, print_id)


def fetch_print(connection: Connection, print_id: UUID, doer: Doer) -> Print:
    """The printing whose file somebody asks for.

    Raises:
        WorkNotFoundError: there is none, it is over, or somebody else ordered it: order another.
    """
    found = read_print(connection, print_id)
    if found.by != doer.username or doer.at - found.at > OPEN_FOR:
        raise WorkNotFoundError("card_print_over", f"printing {print_id}: over, or somebody else's")
    return found


def read_print(connection: Connection, print_id: UUID) -> Print:
    """One of them.

    Raises:
        WorkNotFoundError: there is none of this id.
    """
    row = connection.execute(f"{_QUERY} WHERE p.print_id = %s".encode(), (print_id,)).fetchone()
    if row is None:
        raise WorkNotFoundError("card_print_over", f"printing {print_id}: there is none")
    return Print(*row)


def prints(
    connection: Connection, *, request_id: UUID | None = None, only_again: bool = False, limit: int = 200
) -> list[Print]:
    """The newest first; of one request, or only those that were not the first."""
    rows = connection.execute(
        f"{_QUERY} WHERE (%(request)s::uuid IS NULL OR p.request_id = %(request)s)"
        " AND (p.copy_number > 1 OR NOT %(again)s) ORDER BY p.at DESC, p.print_id LIMIT %(limit)s".encode(),
        {"request": request_id, "again": only_again, "limit": limit},
    )
    return [Print(*row) for row in rows]
