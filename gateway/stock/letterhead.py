"""The head of every paper that the pharmacy prints: hospital, department, when it was printed and by whom."""

from datetime import datetime
from typing import Final

from gateway.db.pool import Connection
from gateway.reports.document import Letterhead

_DEPARTMENT: Final = "Khoa Dược"


def letterhead_of(connection: Connection, printed_at: datetime, printed_by: str) -> Letterhead:
    """The hospital is the place of kind `site` at the top of the tree; empty, to be filled in by hand, without one.

    Args:
        connection: to look the place up.
        printed_at: in the hospital's time zone; stands in the footer.
        printed_by: the person's name as people read it.
    """
    row = connection.execute(
        "SELECT name_vi FROM place WHERE kind = 'site' ORDER BY parent_place_id IS NOT NULL, place_id LIMIT 1"
    ).fetchone()
    return Letterhead("", str(row[0]) if row else "", _DEPARTMENT, printed_at, printed_by)
