"""Pages of discrepancy cases and of drugs under special control."""

import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response

from gateway.api.web import web_of
from gateway.api.work_kit import Worker, now_of, problem_of, zone_of
from gateway.db.pool import Connection
from gateway.pages.work_out_kit import attempt, id_in, show, today_in, units_in
from gateway.pages.work_plain import PlainForm
from gateway.services.sessions import SignedIn
from gateway.stock import controlled_drugs, discrepancies
from gateway.stock.discrepancies import RESOLUTIONS, Resolution, ResolvedAs
from gateway.stock.errors import WorkRefusedError
from gateway.stock.names import names_of
from gateway.stock.scanned_goods import read_goods

router: Final = APIRouter(prefix="/work", include_in_schema=False)


@router.get("/cases")
def cases_page(request: Request, person: Worker, resolved: Annotated[bool, Query()] = False) -> HTMLResponse:
    """The queue: drugs under special control first."""
    del person
    with web_of(request).services.pool.connection() as connection:
        cases = discrepancies.queue(connection, resolved_too=resolved)
    return show(request, "work_out_cases.html", {"cases": cases, "resolved": resolved})


@router.get("/cases/{number}")
def case_page(request: Request, person: Worker, number: int) -> HTMLResponse:
    """One case, what people did about it, and how it may be settled."""
    return _case_page(request, person, number)


@router.post("/cases/{number}/{what}")
def act_on_case(request: Request, person: Worker, number: int, what: str, form: PlainForm) -> Response:
    """Note, settle or propose, confirm, withdraw."""
    now, zone, fields = now_of(request), zone_of(request), form.fields

    def act(connection: Connection) -> str:
        done = ""
        if what == "note":
            discrepancies.note(connection, number, person.username, fields.get("text", ""), now)
            done = "noted"
        elif what == "resolve":
            wanted = _resolution(connection, request, fields, id_in(form))
            discrepancies.resolve(connection, number, wanted, person.username, now)
            done = "settled"
        elif what == "confirm":
            discrepancies.confirm(connection, number, person.username, now, zone)
            done = "confirmed"
        elif what == "withdraw":
            discrepancies.withdraw(connection, number, person.username, fields.get("text", ""), now)
            done = "withdrawn"
        return f"/work/cases/{number}?done={done}"

    return attempt(request, act, lambda problem: _case_page(request, person, number, problem))


@router.get("/controlled")
def controlled_page(request: Request, person: Worker) -> HTMLResponse:
    """Where these drugs stand, the count, what is open, and what is printed."""
    del person
    return _controlled_page(request)


@router.post("/controlled/count")
def begin_count(request: Request, person: Worker, form: PlainForm) -> Response:
    """A blind stocktake of all of them in a place."""

    def act(connection: Connection) -> str:
        place_id = form.fields.get("place_id", "")
        controlled_drugs.begin_blind_count(
            *(connection, id_in(form, "stocktake_id"), (place_id,), person.username),
            now=now_of(request),
            zone=zone_of(request),
        )
        return "/work/controlled?done=count_begun"

    return attempt(request, act, lambda problem: _controlled_page(request, problem))


def _resolution(
    connection: Connection,
    request: Request,
    fields: Mapping[str, str],
    document_id: uuid.UUID,
) -> Resolution:
    how: ResolvedAs = next((one for one in RESOLUTIONS if one == fields.get("resolve_as")), "explained")
    code, quantity = fields.get("code"), fields.get("quantity")
    goods = read_goods(connection, code, today_in(zone_of(request), request)) if code else None
    sign = -1 if fields.get("direction") == "less" else 1
    movement_id = fields.get("movement_id")
    return Resolution(
        document_id=document_id,
        resolve_as=how,
        reason=fields.get("reason", ""),
        place_id=fields.get("place_id"),
        to_place_id=fields.get("to_place_id"),
        product_id=goods.product_id if goods else None,
        lot=fields.get("lot") or (goods.lot if goods else None),
        quantity=sign * units_in(quantity) if quantity else None,
        gtin=goods.gtin if goods and goods.pack else None,
        serial_number=goods.serial_number if goods and goods.pack else None,
        movement_id=uuid.UUID(movement_id) if movement_id else None,
        zone=zone_of(request),
    )


def _case_page(request: Request, person: SignedIn, number: int, problem: str = "") -> HTMLResponse:
    try:
        with web_of(request).services.pool.connection() as connection:
            found = discrepancies.read_case(connection, number)
            acts = discrepancies.acts_on(connection, number)
            involved = {act.person for act in acts} | {found.resolved_by, found.resolved_second, found.proposed_by}
            people = names_of(connection, (), (), {name for name in involved if name}).people
    except WorkRefusedError as error:
        raise problem_of(error) from None
    values = {"case": found, "acts": acts, "username": person.username, "people": people}
    return show(request, "work_out_case.html", values, problem=problem)


def _controlled_page(request: Request, problem: str = "") -> HTMLResponse:
    with web_of(request).services.pool.connection() as connection:
        values: dict[str, Any] = {
            "stock": controlled_drugs.stock(connection),
            "cases": discrepancies.queue(connection, only_controlled=True),
            "counts": connection.execute(
                "SELECT stocktake_id, number, state, started_by FROM stocktake"
                " WHERE state NOT IN ('posted', 'cancelled') AND EXISTS (SELECT FROM stocktake_line l"
                " WHERE l.stocktake_id = stocktake.stocktake_id"
                " AND l.is_controlled) ORDER BY frozen_at DESC LIMIT 20"
            ).fetchall(),
        }
        values["people"] = names_of(connection, (), (), {row[3] for row in values["counts"]}).people
    last = today_in(zone_of(request), request)
    period = {"first_day": last - timedelta(days=30), "last_day": last}
    return show(request, "work_out_controlled.html", {**values, **period}, problem=problem)
