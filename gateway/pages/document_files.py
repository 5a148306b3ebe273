"""Files of documents: the lines of one as CSV that Excel opens right."""

import uuid
from typing import Final

from fastapi import APIRouter, Depends, Request, Response

from gateway.api.access import RolesRequired
from gateway.api.problems import not_found
from gateway.api.web import web_of
from gateway.pages.document_words import ACCOUNTS, DOCUMENT_KINDS
from gateway.pages.stock_overview_files import csv_download
from gateway.pages.translations import N_
from gateway.services.roles import STOCK_ROLES
from gateway.stock import document_reads
from gateway.stock.catalogue import place_tree

router: Final = APIRouter(prefix="/work", include_in_schema=False)


@router.get("/documents/{document_id}/lines.csv", dependencies=[Depends(RolesRequired(STOCK_ROLES))])
def document_csv(request: Request, document_id: uuid.UUID) -> Response:
    """What was booked for a document, what was taken back included."""
    web = web_of(request)
    speech = web.speech(request)
    with web.services.pool.connection() as connection:
        head = document_reads.document_head(connection, document_id)
        if head is None:
            raise not_found(N_("There is no such stock document."))
        lines = document_reads.movement_lines(connection, document_id)
        places = place_tree(connection)
    names = {f"place:{place.place_id}": speech.named(place.name_vi, place.name_en) for place in places}
    names |= {account: speech.text(word) for account, word in ACCOUNTS.items()}
    texts = (
        *(N_("Number"), N_("Kind"), N_("Code"), N_("Product"), N_("Lot"), N_("GTIN of the pack")),
        *(N_("Serial number"), N_("From"), N_("To"), N_("Base unit"), N_("State")),
    )
    values = (N_("Expiry"), N_("Quantity"), N_("Happened"))
    rows = [
        (
            *(head.number, speech.text(DOCUMENT_KINDS[head.kind]), line.product_id),
            *(speech.named(line.name_vi, line.name_en), line.lot, line.gtin or "", line.serial_number or ""),
            *(names.get(line.from_account_id, line.from_account_id), names.get(line.to_account_id, line.to_account_id)),
            speech.named(line.base_unit_vi, line.base_unit_en),
            speech.text(N_("Taken back")) if line.taken_back else "",
            *(line.expiry_date, line.quantity, speech.local(head.occurred_at)),
        )
        for line in lines
    ]
    return csv_download(f"{head.number}.csv", speech, texts, values, rows)
