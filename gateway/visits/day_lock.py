"""One lock for all that happens to the queues of a day."""

from datetime import date
from typing import Final

from gateway.db.pool import Connection

DAY_LOCK: Final = 7203004
"""First half of the advisory lock of one day's queues; the second is the day."""


def lock_day(connection: Connection, day: date) -> None:
    """Nobody else opens a visit or moves a queue of that day until this transaction ends."""
    connection.execute("SELECT pg_advisory_xact_lock(%s, %s)", (DAY_LOCK, day.toordinal()))
