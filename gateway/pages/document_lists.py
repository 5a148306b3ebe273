"""What is printed as lists, as CSV that Excel opens right: a recall, the books of controlled drugs."""

import uuid
from collections.abc import Iterator, Sequence
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request, Response

from gateway.api.access import RolesRequired
from gateway.api.people_kit import reading_of
from gateway.api.stock_cases import Day
from gateway.api.web import web_of
from gateway.api.work_kit import Worker, refusals, zone_of
from gateway.pages.document_words import ACCOUNTS
from gateway.pages.speech import Speech
from gateway.pages.stock_overview_files import csv_download
from gateway.pages.translations import N_
from gateway.pages.work_kit import WORK_ROLES
from gateway.reports.csv_export import Cell
from gateway.reports.store_card import running
from gateway.stock import controlled_drugs, recall
from gateway.stock.controlled_drugs import Period

router: Final = APIRouter(prefix="/work", include_in_schema=False)
_WORKERS: Final = [Depends(RolesRequired(WORK_ROLES))]
_Id = Annotated[str, Query(min_length=1, max_length=64)]


@router.get("/recall/{recall_id}/list.csv", dependencies=_WORKERS)
def recall_csv(request: Request, recall_id: uuid.UUID) -> Response:
    """Where all of it is: places, packs, patients by number, and what left the hospital."""
    speech = web_of(request).speech(request)
    with refusals(), web_of(request).services.pool.connection() as connection:
        head = recall.read_recall(connection, recall_id)
        found = recall.trace(connection, recall.subject_of(head), reading_of(request, "recall"))
    texts = (N_("Number"), N_("Place"), N_("Lot"), N_("Serial number"), N_("Patient"))
    return csv_download(f"{head.number}.csv", speech, texts, (N_("Quantity"),), _recalled(head, found, speech))


def _recalled(head: recall.RecallHead, found: recall.Trace, speech: Speech) -> Iterator[Sequence[Cell]]:
    lot = head.lot or ""
    for one in (*found.places, *found.in_transit):
        place = speech.named(one.place_name_vi or "", one.place_name_en or "") or _account(one.account_id, speech)
        yield head.number, place, one.lot, ", ".join(one.serial_numbers), "", one.quantity
    dispensed = _account("dispensed", speech)
    for patient in found.patients:
        number = patient.patient_number or patient.prescription_number or ""
        yield head.number, dispensed, lot, "", number, patient.quantity
    for account, quantity in found.outside.items():
        if account != "dispensed":
            yield head.number, _account(account, speech), lot, "", "", quantity


def _account(account_id: str, speech: Speech) -> str:
    return speech.text(ACCOUNTS.get(account_id, account_id))


@router.get("/controlled/book.csv")
def book_csv(
    *, request: Request, person: Worker, product_id: _Id, place_id: _Id, first_day: Day, last_day: Day
) -> Response:
    """Sổ theo dõi xuất, nhập, tồn kho of one drug, with its running balance."""
    del person
    with refusals(), web_of(request).services.pool.connection() as connection:
        period = Period(first_day, last_day, zone_of(request))
        book = controlled_drugs.book(connection, product_id, place_id, period)
    changes = [(line.quantity_in, line.quantity_out) for line in book.lines]
    rows = [
        (
            *(line.partner, line.document_in, line.document_out, line.lot, line.remark),
            *(line.day, line.expiry_date, line.quantity_in, line.quantity_out, balance),
        )
        for line, balance in zip(book.lines, running(book.opening_balance, changes), strict=True)
    ]
    texts = (N_("From, or to"), N_("Receipt"), N_("Issue"), N_("Lot"), N_("Note"))
    values = (N_("Day"), N_("Expiry"), N_("In"), N_("Out"), N_("Balance"))
    name = f"book-{product_id}-{place_id}-{first_day}-{last_day}.csv"
    return csv_download(name, web_of(request).speech(request), texts, values, rows)


@router.get("/controlled/register.csv")
def register_csv(*, request: Request, person: Worker, place_id: _Id, first_day: Day, last_day: Day) -> Response:
    """Every act with both people, and the blind count after it."""
    del person
    with refusals(), web_of(request).services.pool.connection() as connection:
        period = Period(first_day, last_day, zone_of(request))
        register = controlled_drugs.register(connection, place_id, period)
    rows = [
        (
            *(line.product_name, line.lot, line.act, line.unit, line.person, line.second_person, line.document_number),
            *(line.at, line.quantity, line.counted_after, line.expected_after),
        )
        for line in register.lines
    ]
    texts = (
        *(N_("Product"), N_("Lot"), N_("Kind"), N_("Base unit"), N_("First person"), N_("Second person")),
        N_("Number"),
    )
    values = (N_("Happened"), N_("Quantity"), N_("Counted after it"), N_("In the books after it"))
    name = f"register-{place_id}-{first_day}-{last_day}.csv"
    return csv_download(name, web_of(request).speech(request), texts, values, rows)
