"""Work that brings goods in and moves them, in the JSON API: each act one document, told again without harm."""

import uuid
from typing import Annotated, Final

from fastapi import APIRouter, Request, Response
from pydantic import Field

from gateway.api.v1 import PREFIX
from gateway.api.web import web_of
from gateway.api.work_kit import (
    WORK_PROBLEMS,
    Act,
    DoneAnswer,
    Goods,
    IdempotencyKey,
    Name,
    Worker,
    act_lines,
    actor_of,
    answer_of,
    id_of,
    refusals,
)
from gateway.stock import receiving

router: Final = APIRouter(prefix=f"{PREFIX}/stock", tags=["stock"], responses=WORK_PROBLEMS)


class ReceiptGiven(Act):
    """What came in, against an order or without one."""

    place_id: Name
    lines: Goods
    supplier_name: Annotated[str, Field(max_length=200)] = ""
    supplier_document: Annotated[str, Field(max_length=100, description="Number of the delivery note")] = ""
    order_id: uuid.UUID | None = None
    into_quarantine: bool = Field(
        default=False, description="Take in what has expired or is recalled too, and hold it until two people decide"
    )


@router.post("/receipts", summary="Receive goods", status_code=201)
def receive(
    request: Request, response: Response, person: Worker, body: ReceiptGiven, idempotency_key: IdempotencyKey = None
) -> DoneAnswer:
    """Too much, an unknown lot, a short shelf life are told as notices; what must not be taken in is refused."""
    receipt = receiving.Receipt(
        document_id=id_of(person, body.document_id, idempotency_key),
        place_id=body.place_id,
        lines=act_lines(body.lines),
        supplier_name=body.supplier_name,
        supplier_document=body.supplier_document,
        order_id=body.order_id,
        into_quarantine=body.into_quarantine,
        note=body.note,
    )
    with refusals(), web_of(request).services.pool.connection() as connection:
        done = receiving.receive(connection, receipt, actor_of(request, person, body.occurred_at))
    return answer_of(request, response, done)
