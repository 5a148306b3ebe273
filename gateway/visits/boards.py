"""Links of boards: a screen in a waiting room needs no account, only an address that can be taken back."""

import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from gateway.db.pool import Connection
from gateway.db.storable import storable
from gateway.services.accounts import token_sha256
from gateway.visits.errors import VisitNotFoundError

_TOKEN_BYTES: Final = 24
_TOKEN_TEXT_MAX: Final = 64
_SEEN_EVERY: Final = timedelta(seconds=30)


@dataclass(frozen=True)
class Board:
    """A screen and what it shows."""

    board_id: uuid.UUID
    name: str
    clinic_ids: list[str]
    """None: all."""
    language: str
    created_at: datetime
    created_by: str
    last_seen_at: datetime | None
    revoked_at: datetime | None
    revoked_by: str | None


_BOARD: Final = (
    "SELECT board_id, name, clinic_ids, language, created_at, created_by, last_seen_at, revoked_at, revoked_by"
    " FROM board_link "
)


def make_board(
    connection: Connection, name: str, clinic_ids: Sequence[str], *, language: str, by: str, now: datetime
) -> tuple[uuid.UUID, str]:
    """(id, secret of its link); the secret is shown now and never again: only its hash is kept."""
    board_id, token = uuid.uuid4(), secrets.token_urlsafe(_TOKEN_BYTES)
    connection.execute(
        "INSERT INTO board_link (board_id, name, token_sha256, clinic_ids, language, created_at, created_by)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (board_id, storable(name), token_sha256(token), list(clinic_ids), language, now, by),
    )
    return board_id, token


def revoke_board(connection: Connection, board_id: uuid.UUID, by: str, now: datetime) -> None:
    """Its link shows nothing any more, at once.

    Raises:
        VisitNotFoundError: there is no such board.
    """
    found = connection.execute(
        "UPDATE board_link SET revoked_at = coalesce(revoked_at, %s), revoked_by = coalesce(revoked_by, %s)"
        " WHERE board_id = %s",
        (now, by, board_id),
    )
    if found.rowcount == 0:
        raise VisitNotFoundError("board_unknown", f"no board has the id {board_id}")


def boards(connection: Connection) -> list[Board]:
    """All, the latest first."""
    return [Board(*row) for row in connection.execute(_BOARD + "ORDER BY created_at DESC, board_id")]


def board_of(connection: Connection, token: str, now: datetime) -> Board | None:
    """The board of a link, and note that it is looked at; None: there is none, or its link was taken back."""
    if not token or len(token) > _TOKEN_TEXT_MAX:
        return None
    row = connection.execute(
        _BOARD + "WHERE token_sha256 = %s AND revoked_at IS NULL", (token_sha256(token),)
    ).fetchone()
    if row is None:
        return None
    board = Board(*row)
    if board.last_seen_at is None or now - board.last_seen_at > _SEEN_EVERY:
        connection.execute("UPDATE board_link SET last_seen_at = %s WHERE board_id = %s", (now, board.board_id))
    return board
