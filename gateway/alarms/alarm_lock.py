"""The order in which transactions change alarms: one at a time.

Alarms are rare and their books small, but what belongs together is found by looking (the open incident of a fridge,
the first who acknowledges). One lock makes that plain. It is taken before the lock of the stock's books.
"""

from typing import Final

from gateway.db.pool import Connection

_LOCK: Final = 7203016


def enter(connection: Connection) -> None:
    """Wait for the turn; it lasts to the end of the transaction. Entering twice is entering once."""
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
