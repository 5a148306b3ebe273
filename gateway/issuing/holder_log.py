"""The patient-side access log: what was done with the card and who read its holder's record, written to the card.

The card takes objects from its administrator only, and the administrator's key is at the gateway: so the log is brought
up to date whenever the card lies on a reader of the issuing desk. In between, the gateway's own books have it all.
"""

from typing import Final, Literal

from cards.connection import CardConnection
from cards.errors import CardAnswerError, CardDataError
from cards.issuing.piv_access_log import ENTRIES_MAX, LogEntry, open_log, seal_log, write_log
from cards.piv import PivCardApplication
from cards.processors import processor_for
from cards.trust import TrustAnchors
from gateway.db.pool import Connection, Pool
from gateway.issuing.keyring import IssuingSecrets

Written = Literal["written", "same", "no_room", "refused"]
_READS: Final = (
    "SELECT max(at), act, role FROM (SELECT a.at, CASE WHEN a.break_glass THEN 'break_glass' ELSE 'record_read' END"
    " AS act, coalesce((SELECT l.roles[1] FROM login_account l WHERE l.username = a.username), '') AS role"
    " FROM people_audit a WHERE a.patient_ids && (SELECT array_agg(x) FROM patient_aliases(canonical_patient(%s)) x)"
    " AND a.act IN ('read', 'emergency') AND a.purpose <> 'card') AS one"
    " GROUP BY at::date, act, role ORDER BY 1 DESC LIMIT %s"
)
"""One entry a day for each role: the books have every single one."""


def log_entries(connection: Connection, card_id: str) -> list[LogEntry]:
    """The newest, the oldest of them first."""
    own = connection.execute(
        "SELECT at, act, by_role FROM card_log WHERE card_id = %s ORDER BY log_id DESC LIMIT %s", (card_id, ENTRIES_MAX)
    ).fetchall()
    holder = connection.execute(
        "SELECT coalesce((SELECT patient_id FROM card WHERE card_id = %(card)s),"
        " (SELECT patient_id FROM card_request WHERE card_id = %(card)s ORDER BY requested_at DESC LIMIT 1))",
        {"card": card_id},
    ).fetchone()
    reads = connection.execute(_READS, (holder[0], ENTRIES_MAX)).fetchall() if holder and holder[0] else []
    entries = [LogEntry(at.replace(microsecond=0), act, role) for at, act, role in (*own, *reads)]
    return sorted(entries, key=lambda one: one.at)[-ENTRIES_MAX:]


def write_holder_log(pool: Pool, card: CardConnection, secrets: IssuingSecrets, card_id: str) -> Written:
    """Bring the log on the card up to date; a card that has no room goes without.

    Raises:
        CardGoneError: the card was taken away. Nothing but the log is lacking then.
        SignerError: the card CA's key can't be used.
    """
    with pool.connection() as connection:
        entries = log_entries(connection, card_id)
    issuer = secrets.piv_issuer
    try:
        if _on_card(card, secrets, card_id, issuer.anchors) == entries:
            return "same"
        sealed = seal_log(entries, card_id, secrets.signer, secrets.terminals)
        if not write_log(card, issuer, sealed):
            return "no_room"
    except (CardAnswerError, CardDataError):
        return "refused"
    with pool.connection() as connection:
        connection.execute("UPDATE card_log SET on_card = true WHERE card_id = %s AND NOT on_card", (card_id,))
    return "written"


def _on_card(
    card: CardConnection, secrets: IssuingSecrets, card_id: str, anchors: TrustAnchors
) -> list[LogEntry] | None:
    sealed = PivCardApplication.select(processor_for(card)).access_log()
    if sealed is None:
        return None
    try:
        return open_log(sealed, card_id, secrets.terminal_keys, anchors)
    except CardDataError:
        return None
