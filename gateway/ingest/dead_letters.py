"""Dead letters: what could not be understood is kept with the reason, and someone is told."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from gateway.db.pool import Connection

LETTERS_MAX: Final = 500
"""Open whole-message letters kept for one topic and code: a sender gone mad is counted on, not stored on."""


@dataclass(frozen=True)
class DeadLetter:
    """One of them."""

    topic: str
    code: str
    reason: str
    payload: bytes
    received_at: datetime
    site: str | None = None
    edge_node: str | None = None
    stream: str | None = None
    epoch: str | None = None
    seq: int | None = None
    """None: the whole message."""
    payload_bytes: int | None = None
    """Length as received, if `payload` was cut."""


def store(connection: Connection, letter: DeadLetter) -> int:
    """Write it, or count it on an open letter that is the same; the letter's id."""
    if letter.seq is None:
        repeated = _count_repeat(connection, letter)
        if repeated is not None:
            return repeated
    row = connection.execute(
        "INSERT INTO dead_letter (received_at, topic, site, edge_node, stream, epoch, seq, code, reason, payload,"
        " payload_bytes) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING dead_letter_id",
        (
            letter.received_at,
            _clean(letter.topic),
            letter.site,
            letter.edge_node,
            letter.stream,
            letter.epoch,
            letter.seq,
            letter.code,
            _clean(letter.reason),
            letter.payload,
            letter.payload_bytes if letter.payload_bytes is not None else len(letter.payload),
        ),
    ).fetchone()
    if row is None:
        raise RuntimeError("INSERT ... RETURNING gave no row")
    return int(row[0])


def _count_repeat(connection: Connection, letter: DeadLetter) -> int | None:
    """Equal open letters, and those over the limit, are counted instead of kept."""
    key = {"topic": _clean(letter.topic), "code": letter.code, "payload": letter.payload, "at": letter.received_at}
    same = connection.execute(
        "UPDATE dead_letter SET repeat_count = repeat_count + 1, last_received_at = %(at)s WHERE dead_letter_id ="
        " (SELECT min(dead_letter_id) FROM dead_letter WHERE topic = %(topic)s AND code = %(code)s"
        " AND sha256(payload) = sha256(%(payload)s) AND resolved_at IS NULL AND seq IS NULL) RETURNING dead_letter_id",
        key,
    ).fetchone()
    if same is not None:
        return int(same[0])
    over = connection.execute(
        "UPDATE dead_letter SET repeat_count = repeat_count + 1, last_received_at = %(at)s WHERE dead_letter_id ="
        " (SELECT max(dead_letter_id) FROM dead_letter WHERE topic = %(topic)s AND code = %(code)s"
        " AND resolved_at IS NULL AND seq IS NULL HAVING count(*) >= %(limit)s) RETURNING dead_letter_id",
        key | {"limit": LETTERS_MAX},
    ).fetchone()
    return None if over is None else int(over[0])


def _clean(text: str) -> str:
    """PostgreSQL's text holds no NUL and no lone surrogate."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")
