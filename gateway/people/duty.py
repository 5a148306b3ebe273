"""Whether somebody who works at the desk has to do with a patient now; if not, a reason is asked for (break-glass).

On duty is who opens the record of a patient that
- has a visit or an appointment from yesterday to tomorrow,
- put a card on one of our readers since yesterday,
- was registered or corrected here since yesterday,
- or whose papers this person has in hand: their number was typed or scanned in the last eight hours.
Whoever has said why may open the record for the same eight hours.
Everybody else says why. That is written down, marked, and listed for review; nobody is kept from helping.
"""

from datetime import datetime, timedelta
from typing import Final, LiteralString
from uuid import UUID

from gateway.db.pool import Connection

PAPERS_IN_HAND: Final = timedelta(hours=8)
AROUND: Final = timedelta(days=1)
BY_PAPERS: Final = "papers"
"""Purpose of a search by an exact number."""

_DUTY: Final[LiteralString] = (
    "WITH them AS MATERIALIZED (SELECT a AS patient_id FROM canonical_patient(%(patient)s) c, patient_aliases(c) a)"
    " SELECT EXISTS (SELECT FROM visit WHERE patient_id IN (SELECT patient_id FROM them)"
    " AND visit_date BETWEEN %(today)s::date - 1 AND %(today)s::date + 1)"
    " OR EXISTS (SELECT FROM patient WHERE patient_id IN (SELECT patient_id FROM them)"
    " AND greatest(registered_at, changed_at) > %(yesterday)s AND changed_by NOT IN ('import', 'system'))"
    " OR EXISTS (SELECT FROM tap t JOIN card c USING (card_id) WHERE c.patient_id IN (SELECT patient_id FROM them)"
    " AND t.occurred_at > %(yesterday)s)"
    " OR EXISTS (SELECT FROM people_audit WHERE username = %(username)s AND at > %(papers)s"
    " AND (purpose = %(by_papers)s OR break_glass)"
    " AND patient_ids && ARRAY(SELECT patient_id FROM them))"
)


def on_duty(connection: Connection, username: str, patient_id: UUID, now: datetime) -> bool:
    """See above."""
    row = connection.execute(
        _DUTY,
        {
            "patient": patient_id,
            "today": now,
            "yesterday": now - AROUND,
            "username": username,
            "papers": now - PAPERS_IN_HAND,
            "by_papers": BY_PAPERS,
        },
        prepare=False,
    ).fetchone()
    return bool(row and row[0])
