"""Issue to a ward: so much of each product from a store; what is short is said, and stays on the document."""

from dataclasses import replace
from datetime import datetime

from gateway.db.pool import Connection
from gateway.stock import outgoing
from gateway.stock.allocation import accounts_of_place
from gateway.stock.errors import WorkRefusedError
from gateway.stock.outgoing import NewOutgoing, Outcome


def begin_issue(connection: Connection, new: NewOutgoing, now: datetime) -> Outcome:
    """Write the draft, propose and promise lots.

    Raises:
        WorkRefusedError: no place to issue to, or one that the goods would come from.
        and as `outgoing.begin`.
    """
    if new.to_place_id is None:
        raise WorkRefusedError("ward_missing", "no place to issue to: choose the ward")
    if f"place:{new.to_place_id}" in accounts_of_place(connection, new.from_place_id):
        message = f"place {new.to_place_id!r} is (in) the place that the goods come from: that is a transfer"
        raise WorkRefusedError("same_place", message, place=new.to_place_id)
    accounts_of_place(connection, new.to_place_id)
    return outgoing.begin(connection, replace(new, kind="issue", patient_id=None, prescription_number=None), now)
