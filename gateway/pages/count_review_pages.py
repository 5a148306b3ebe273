"""The review of a stocktake: frozen, moved meanwhile, counted, the difference in units and money, and why."""

import uuid
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response

from gateway.api.problems import not_found
from gateway.api.web import web_of
from gateway.api.work_kit import Worker, now_of, problem_of
from gateway.db.pool import Connection
from gateway.pages import count_words
from gateway.pages.count_kit import Looker, attempt, people_said, places_said, show
from gateway.pages.speech import Speech
from gateway.pages.stock_overview_files import csv_download
from gateway.pages.translations import N_
from gateway.pages.work_plain import PlainForm
from gateway.reports.csv_export import Cell
from gateway.services.sessions import SignedIn
from gateway.stock.errors import WorkRefusedError
from gateway.stock.stocktake_lines import LineKey
from gateway.stock.stocktake_overview import KeptScan, StocktakeProgress, kept_scans, progress_of
from gateway.stock.stocktake_review import ReasonGiven, Review, ReviewLine, give_reasons, review

router: Final = APIRouter(prefix="/count/stocktakes", include_in_schema=False)
_LINES_A_PAGE: Final = 100
_KEPT_SHOWN: Final = 200


def review_page(
    request: Request,
    person: SignedIn,
    connection: Connection,
    head: StocktakeProgress,
    *,
    problem: str = "",
    page: int = 1,
    whole: bool = False,
) -> HTMLResponse:
    """What needs a look, or `whole`: every line; after a cancelled stocktake nothing, because nothing came of it."""
    found = Review(()) if head.state == "cancelled" else review(connection, head.stocktake_id)
    lines = found.lines if whole else found.differing
    first = (page - 1) * _LINES_A_PAGE
    kept: list[KeptScan] = kept_scans(connection, head.stocktake_id, _KEPT_SHOWN)
    values: dict[str, Any] = {
        "head": head,
        "review": found,
        "lines": lines[first : first + _LINES_A_PAGE],
        "found": len(lines),
        "more": len(lines) > first + _LINES_A_PAGE,
        "number": page,
        "whole": whole,
        "kept": kept,
        "place_said": places_said(request, connection, head.accounts),
        "counted_by_me": any(count.counted_by == person.username for one in found.lines for count in one.line.counts),
    }
    return show(request, person, "count_review.html", values, problem=problem)


@router.post("/{stocktake_id}/reasons")
def note_reasons(request: Request, person: Worker, stocktake_id: uuid.UUID, form: PlainForm) -> Response:
    """Why lines differ, of all lines of the page at once."""
    page = form.fields.get("page", "1")
    whole = "true" if form.fields.get("whole") == "true" else "false"

    def act(connection: Connection) -> str:
        give_reasons(connection, stocktake_id, _reasons_in(form.fields), person.username, now_of(request))
        return f"/count/stocktakes/{stocktake_id}?page={int(page)}&whole={whole}"

    return attempt(request, act, lambda problem: _again(request, person, stocktake_id, problem))


def _again(request: Request, person: SignedIn, stocktake_id: uuid.UUID, problem: str) -> HTMLResponse:
    with web_of(request).services.pool.connection() as connection:
        head = _head(connection, stocktake_id)
        return review_page(request, person, connection, head, problem=problem)


def _reasons_in(fields: Any) -> list[ReasonGiven]:  # noqa: ANN401 - a form's fields
    """Line n has the fields line:n (place, product and lot, one a line), reason:n and note:n."""
    given = []
    for name, value in fields.items():
        if not name.startswith("line:"):
            continue
        number = name[5:]
        account_id, product_id, lot = (*value.split("\t"), "", "")[:3]
        reason, note = fields.get(f"reason:{number}", ""), fields.get(f"note:{number}", "")
        given.append(ReasonGiven(LineKey(account_id, product_id, lot), reason, note))
    return given


@router.get("/{stocktake_id}/lines.csv")
def lines_csv(
    request: Request, _person: Looker, stocktake_id: uuid.UUID, whole: Annotated[bool, Query()] = True
) -> Response:
    """Every line, or those that need a look, for a spreadsheet; not while people count."""
    web = web_of(request)
    speech = web.speech(request)
    with web.services.pool.connection() as connection:
        head = _head(connection, stocktake_id)
        try:
            found = review(connection, stocktake_id)
        except WorkRefusedError as error:
            raise problem_of(error) from None
        names = places_said(request, connection, head.accounts)
        known = people_said(connection)
    texts = (
        *(N_("Place"), N_("Code"), N_("Product"), N_("Lot"), N_("Base unit"), N_("State")),
        *(N_("Counted by"), N_("Reason"), N_("Note")),
    )
    values = (
        *(N_("Expiry"), N_("Frozen"), N_("Moved since"), N_("Expected"), N_("Counted"), N_("Difference")),
        *(N_("Unit cost"), N_("Value (VND)")),
    )
    rows = (_row(one, speech, names, known) for one in (found.lines if whole else found.differing))
    return csv_download(f"kiem-ke-{head.number}.csv", speech, texts, values, rows)


def _row(one: ReviewLine, speech: Speech, names: dict[str, str], known: dict[str, str]) -> tuple[Cell, ...]:
    key = one.line.key
    people = ", ".join(dict.fromkeys(known.get(count.counted_by, count.counted_by) for count in one.line.counts))
    return (
        *(names.get(key.account_id, key.account_id), key.product_id, speech.named(one.name_vi, one.name_en), key.lot),
        speech.named(one.base_unit_vi, one.base_unit_en),
        speech.text(count_words.VERDICTS[one.line.verdict.verdict][1]),
        *(people, speech.named(one.reason_vi, one.reason_en), one.reason_note, one.expiry_date),
        *(one.line.frozen_quantity, one.moved, one.expected, one.counted, one.variance),
        None if one.unit_cost_vnd is None else round(one.unit_cost_vnd),
        None if one.value_vnd is None else round(one.value_vnd),
    )


def _head(connection: Connection, stocktake_id: uuid.UUID) -> StocktakeProgress:
    head = progress_of(connection, stocktake_id)
    if head is None:
        raise not_found(N_("There is no such stocktake. Choose one from the list."))
    return head
