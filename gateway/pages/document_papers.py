"""Which papers and files a document has, as links: each only where there is something to print."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gateway.db.pool import Connection
from gateway.pages.translations import N_
from gateway.services.roles import Role
from gateway.services.sessions import SignedIn
from gateway.stock.document_reads import DocumentHead, MovementLine
from gateway.stock.papers import NOTE_OF

_PHARMACISTS: Final = frozenset({Role.PHARMACIST})


@dataclass(frozen=True)
class Paper:
    """A link."""

    word: str
    """What it is; a msgid."""
    address: str


def papers_of(
    connection: Connection, document: DocumentHead, lines: Sequence[MovementLine], person: SignedIn | None
) -> list[Paper]:
    """For whoever looks: notes may name a patient's number, so they are the pharmacists'."""
    found: list[Paper] = []
    pages, stock = f"/work/documents/{document.document_id}", "/api/v1/stock"
    pharmacist = person is not None and person.may(*_PHARMACISTS)
    left = {line.kind for line in lines if not line.taken_back}
    if document.kind == "receipt" and lines:
        found.append(Paper(N_("Print the goods receipt (PDF)"), f"{pages}/goods-receipt.pdf"))
    if pharmacist and left & NOTE_OF.get(document.kind, frozenset()):
        address = f"{stock}/documents/{document.document_id}/issue-note.pdf"
        found.append(Paper(N_("Print the issue note (PDF)"), address))
    if pharmacist and document.kind == "destruction" and document.state == "posted":
        address = f"{stock}/destructions/{document.document_id}/minutes.pdf"
        found.append(Paper(N_("Print the minutes of destruction (PDF)"), address))
    if pharmacist and document.kind == "count" and _is_stocktake(connection, document.document_id):
        address = f"/api/v1/stocktakes/{document.document_id}/minutes.pdf"
        found.append(Paper(N_("Print the minutes of the stocktake (PDF)"), address))
        found.append(Paper(N_("Minutes as CSV for Excel"), f"/count/stocktakes/{document.document_id}/lines.csv"))
    if lines:
        found.append(Paper(N_("Lines as CSV for Excel"), f"{pages}/lines.csv"))
    return found


def _is_stocktake(connection: Connection, document_id: uuid.UUID) -> bool:
    """What an RFID count books is a document of the same kind, and has no minutes."""
    return connection.execute("SELECT FROM stocktake WHERE stocktake_id = %s", (document_id,)).fetchone() is not None
