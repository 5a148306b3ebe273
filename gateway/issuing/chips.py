"""Chips and requests: which chip was begun for which request, and what that says of the card on the reader now.

A PIV chip is known by the GUID that we drew for it, an NTAG 424 chip by its UID. The GUID is written down here before
it is written to the chip, so a chip that was interrupted is always known. Readers tell a PIV chip's UID only without
contacts; where none is told, a blank chip gets a new GUID each time, and the one before is found again by its own.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cards.card_state import CardState
from gateway.db.pool import Connection
from gateway.issuing import blanks
from gateway.issuing.doer import Doer
from gateway.issuing.requests import CardRequest, Profile, add_step, read_request
from gateway.stock.errors import WorkRefusedError


@dataclass(frozen=True)
class SeenCard:
    """What lies on a reader, as far as it says so itself."""

    profile: Profile | None
    """None: no card that could become one of ours."""
    state: CardState | None
    """None: its keys are neither ours nor the maker's."""
    card_id: str
    """Empty: a blank PIV chip, or another kind of card."""
    uid: str
    """As the reader says; empty if it does not."""


@dataclass(frozen=True)
class Chip:
    """A chip that writing was begun on."""

    chip_key: int
    card_id: str
    uid: str
    request_id: uuid.UUID
    state: str
    key_version: int | None
    blank_booked: bool


_COLUMNS: Final = "chip_key, card_id, uid, request_id, state, key_version, blank_booked"


def chip_of_card(connection: Connection, card_id: str) -> Chip | None:
    """The chip with this id that is begun or finished."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM card_chip WHERE card_id = %s AND state IN ('begun', 'finished')".encode(),  # noqa: S608 - our own columns
        (card_id,),
    ).fetchone()
    return Chip(*row) if row else None


def chips_of_request(connection: Connection, request_id: uuid.UUID) -> list[Chip]:
    """Those that are begun or finished for it; more than one where a chip without UID was put aside."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM card_chip WHERE request_id = %s AND state IN ('begun', 'finished')"  # noqa: S608 - as above
        " ORDER BY chip_key".encode(),
        (request_id,),
    )
    return [Chip(*row) for row in rows]


def begin(connection: Connection, request: CardRequest, seen: SeenCard, now: datetime) -> Chip:
    """Decide that this card becomes the request's, before anything is written to it.

    Raises:
        WorkRefusedError: it is another request's, of another kind, issued already, or none that we can write.
    """
    _refuse_unfit(request, seen)
    if seen.card_id and (known := chip_of_card(connection, seen.card_id)) is not None:
        return _gone_on_with(connection, request, known)
    if seen.state is not CardState.BLANK:
        raise WorkRefusedError("card_of_nobody", f"card {seen.card_id} is {seen.state}, and no request here knows it")
    begun = [chip for chip in chips_of_request(connection, request.request_id) if chip.state == "begun"]
    same = [chip for chip in begun if seen.uid and chip.uid == seen.uid]
    if same:
        return same[-1]  # the first command never reached it
    if [chip for chip in begun if chip.uid and seen.uid]:
        raise WorkRefusedError(
            "card_other_begun",
            f"request {request.card_number} was begun on another card",
            number=request.card_number,
        )
    _refuse_counted(connection, seen)
    _let_go(connection, seen, Doer("system", now))
    card_id = seen.card_id or uuid.uuid4().hex
    connection.execute(
        "INSERT INTO card_chip (card_id, uid, request_id, begun_at, changed_at) VALUES (%s, %s, %s, %s, %s)",
        (card_id, seen.uid, request.request_id, now, now),
    )
    return chips_of_request(connection, request.request_id)[-1]


def _refuse_unfit(request: CardRequest, seen: SeenCard) -> None:
    if seen.profile is None:
        raise WorkRefusedError("card_foreign", "the card on the reader is none that can become a health card")
    if seen.state is None:
        raise WorkRefusedError("card_foreign_keys", "the card's keys are neither ours nor the maker's")
    if seen.profile != request.profile:
        raise WorkRefusedError(
            "card_other_kind", f"a {seen.profile} card: request {request.card_number} asks for {request.profile}"
        )


def _gone_on_with(connection: Connection, request: CardRequest, chip: Chip) -> Chip:
    if chip.request_id == request.request_id:
        return chip
    other = read_request(connection, chip.request_id)
    code = "card_issued_already" if chip.state == "finished" else "card_of_request"
    raise WorkRefusedError(code, f"this card is of request {other.card_number}", number=other.card_number)


def _let_go(connection: Connection, seen: SeenCard, doer: Doer) -> None:
    """Begun for another request, and blank as ever: nothing of that is on it."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM card_chip WHERE uid = %s AND uid <> '' AND state = 'begun' FOR UPDATE".encode(),  # noqa: S608 - our own columns
        (seen.uid,),
    ).fetchall()
    for row in rows:
        request = read_request(connection, row[3])
        end_chip(connection, Chip(*row), request.profile, doer, wiped=True, why="blank")


def _refuse_counted(connection: Connection, seen: SeenCard) -> None:
    """An NTAG chip that is wiped counts from the beginning: what it showed before would be accepted once more."""
    if seen.profile != "ntag424":
        return
    row = connection.execute(
        "SELECT max(key_version) FROM card_chip WHERE card_id = %s AND state = 'wiped'", (seen.card_id,)
    ).fetchone()
    counted = connection.execute("SELECT FROM sun_counter WHERE card_id = %s", (seen.card_id,)).fetchone()
    if (row and row[0] is not None) or counted is not None:
        raise WorkRefusedError(
            "card_counted_before", f"tag {seen.card_id} was a card of ours before: take one that never was"
        )


def book_blank(connection: Connection, chip: Chip, profile: Profile, doer: Doer) -> None:
    """Take the blank that it was out of stock, once: as soon as something of ours may be on it."""
    done = connection.execute(
        "UPDATE card_chip SET blank_booked = true, changed_at = %s WHERE chip_key = %s AND NOT blank_booked",
        (doer.at, chip.chip_key),
    )
    if done.rowcount:
        blanks.book(connection, profile, "used", -1, doer, request_id=chip.request_id)


def finish(connection: Connection, chip: Chip, key_version: int, profile: Profile, doer: Doer) -> None:
    """It proves itself."""
    book_blank(connection, chip, profile, doer)
    connection.execute(
        "UPDATE card_chip SET state = 'finished', key_version = %s, changed_at = %s WHERE chip_key = %s",
        (key_version, doer.at, chip.chip_key),
    )


def end_chip(connection: Connection, chip: Chip, profile: Profile, doer: Doer, *, wiped: bool, why: str) -> None:
    """It is blank again, or thrown away; the stock of blanks follows.

    Args:
        connection: in a transaction.
        chip: which.
        profile: of it.
        doer: who says so, and when.
        wiped: blank again, and back in the drawer; else spoiled.
        why: for the book.
    """
    connection.execute(
        "UPDATE card_chip SET state = %s, changed_at = %s WHERE chip_key = %s",
        ("wiped" if wiped else "spoiled", doer.at, chip.chip_key),
    )
    if wiped and chip.blank_booked:
        blanks.book(connection, profile, "wiped", 1, doer, request_id=chip.request_id, note=why)
    if not wiped:
        quantity = 0 if chip.blank_booked else -1
        blanks.book(connection, profile, "spoiled", quantity, doer, request_id=chip.request_id, note=why)
    add_step(connection, chip.request_id, "wiped" if wiped else "spoiled", doer, why=why, card_id=chip.card_id)
