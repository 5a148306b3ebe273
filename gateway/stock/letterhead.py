"""The head of every paper that the pharmacy prints: hospital, department, when it was printed and by whom."""

from datetime import datetime

from gateway.db.pool import Connection
from gateway.reports.document import Letterhead
from gateway.services.hospital import read_hospital


def letterhead_of(connection: Connection, printed_at: datetime, printed_by: str) -> Letterhead:
    """As the hospital wants it; what nobody entered has its default, see `gateway.services.hospital`.

    Args:
        connection: to look the hospital up.
        printed_at: in the hospital's time zone; stands in the footer.
        printed_by: the person's name as people read it.
    """
    hospital = read_hospital(connection)
    return Letterhead(
        authority=hospital.authority or "",
        hospital=hospital.name or "",
        department=hospital.department or "",
        printed_at=printed_at,
        printed_by=printed_by,
        address=hospital.address or "",
        signature_titles=dict(hospital.signature_titles or {}),
    )
